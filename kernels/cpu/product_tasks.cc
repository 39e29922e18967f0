#include "kernels/cpu/product_tasks.h"

#include <algorithm>

namespace foregate::internal {
namespace {

// Up to here float kernels read the rows where they lie, and memory is the bound.
constexpr int64_t kFewRows = 6;
// Panels that the kernels stream side by side.
constexpr int64_t kStreams = 4;
// Of weights, for few rows: 10 us of one thread's reading, against 0.1 us for taking a task and up to 1 us until its
// streams flow. Twice as much where one tile takes all rows, so that the panels pass once.
constexpr int64_t kStreamedBytes = int64_t{192} << 10;
constexpr int64_t kOneTileRows = 2;
// The last task to end keeps the other threads waiting: about 1 / 32 of a thread's work. Of few rows about 1 / 16,
// because short streams cost more: 2048 x 2048 in 4 bits reads at 0.75 to 0.80 of the read bandwidth with 8 tasks a
// thread, 0.66 to 0.72 with 16.
constexpr int64_t kTasksPerThread = 16;
constexpr int64_t kFewRowsTasksPerThread = 8;
// Rows of a float task: what its kernel packs at once. Packing costs an element about as much as a panel does.
constexpr int64_t kPackedRows = 64;
constexpr int64_t kMinPackedPanels = 16;
// Rows of an integer task where panels are fetched while others are multiplied: half of a core's L2 of them at 2048
// inputs, so that a task has several groups of panels, of which only the first comes unfetched.
constexpr int64_t kWalkedRows = 256;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t to) { return CeilDivide(a, to) * to; }

}  // namespace

void ProductTasks::Start(const Machine& machine, const WeightMatrix& like, int64_t matrices_per_task,
                         int64_t total_rows) {
  tasks_.clear();
  is_quantized_ = IsQuantized(like.format);
  num_outputs_ = like.num_outputs;
  num_panels_ = like.num_panels();
  const auto stride = static_cast<int64_t>(LayoutOfPanel(like.format, like.num_inputs).stride_bytes);
  bytes_per_panel_ = std::max<int64_t>(1, matrices_per_task * stride);
  machine_ = machine;
  work_ = total_rows * num_panels_;
}

// As many panels as make a task, a multiple of the streams, when each thread takes so many of them.
int64_t ProductTasks::Share(int64_t tasks_per_thread, int64_t num_rows) const {
  return RoundUp(CeilDivide(CeilDivide(work_, tasks_per_thread * machine_.num_threads), num_rows), kStreams);
}

int64_t ProductTasks::StreamedPanels(int64_t num_rows) const {
  const int64_t bytes = num_rows <= kOneTileRows ? 2 * kStreamedBytes : kStreamedBytes;
  const int64_t streamed = RoundUp(std::max<int64_t>(1, bytes / bytes_per_panel_), kStreams);
  // A matrix of few panels (a router) still keeps every thread busy.
  const int64_t even = CeilDivide(num_panels_, machine_.num_threads);
  return std::min({streamed, even, Share(kFewRowsTasksPerThread, num_rows)});
}

int64_t ProductTasks::PanelsPerTask(int64_t num_rows) const {
  if (num_rows <= kFewRows) return StreamedPanels(num_rows);
  const int64_t share = Share(kTasksPerThread, num_rows);
  if (is_quantized_ && machine_.panel_bytes > 0) {
    return std::min(RoundUp(machine_.panel_bytes / bytes_per_panel_ + 1, kStreams), share);
  }
  if (is_quantized_) return share;
  return std::max(kMinPackedPanels, share);
}

void ProductTasks::Add(int32_t matrix, int64_t num_rows) {
  const int64_t block_rows = !is_quantized_ ? kPackedRows : machine_.panel_bytes > 0 ? num_rows : kWalkedRows;
  const int64_t row_blocks = CeilDivide(num_rows, block_rows);
  const int64_t panels = PanelsPerTask(CeilDivide(num_rows, row_blocks));
  for (int64_t block = 0; block < row_blocks; ++block) {
    const int64_t first_row = num_rows * block / row_blocks;
    const int64_t end_row = num_rows * (block + 1) / row_blocks;
    for (int64_t panel = 0; panel < num_panels_; panel += panels) {
      const int64_t first = panel * kPanelOutputs;
      const int64_t count = std::min(panels * kPanelOutputs, num_outputs_ - first);
      tasks_.push_back({matrix, first_row, end_row - first_row, first, count});
    }
  }
}

}  // namespace foregate::internal
