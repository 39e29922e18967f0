#include "kernels/cpu/product_tasks.h"

#include <algorithm>

namespace foregate::internal {
namespace {

// Up to here float kernels read the rows where they lie, and memory is the bound.
constexpr int64_t kFewRows = 6;
// Panels that the kernels stream side by side.
constexpr int64_t kStreams = 4;
// Of weights, for few rows: 10 us of one thread's reading, against 0.1 us for taking a task.
constexpr int64_t kStreamedBytes = int64_t{192} << 10;
// The last task to end keeps the other threads waiting: about 1 / 32 of a thread's work.
constexpr int64_t kTasksPerThread = 16;
// Rows of a float task: what its kernel packs at once. Packing costs an element about as much as a panel does.
constexpr int64_t kPackedRows = 64;
constexpr int64_t kMinPackedPanels = 16;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t to) { return CeilDivide(a, to) * to; }

}  // namespace

void ProductTasks::Start(const Machine& machine, const WeightMatrix& like, int64_t matrices_per_task,
                         int64_t total_rows) {
  tasks_.clear();
  is_quantized_ = IsQuantized(like.format);
  num_outputs_ = like.num_outputs;
  num_panels_ = like.num_panels();
  bytes_per_panel_ = matrices_per_task * static_cast<int64_t>(LayoutOfPanel(like.format, like.num_inputs).stride_bytes);
  const int64_t bytes = std::max<int64_t>(1, bytes_per_panel_);
  cached_panels_ = std::max<int64_t>(1, machine.panel_bytes / bytes);
  streamed_panels_ = RoundUp(std::max<int64_t>(1, kStreamedBytes / bytes), kStreams);
  share_ = CeilDivide(total_rows * num_panels_, kTasksPerThread * machine.num_threads);
}

int64_t ProductTasks::PanelsPerTask(int64_t num_rows) const {
  const int64_t share = RoundUp(CeilDivide(share_, num_rows), kStreams);
  if (num_rows <= kFewRows) return std::min(streamed_panels_, share);
  if (is_quantized_) return std::min(cached_panels_, share);
  return std::max(kMinPackedPanels, share);
}

void ProductTasks::Add(int32_t matrix, int64_t num_rows) {
  const int64_t row_blocks = is_quantized_ ? 1 : CeilDivide(num_rows, kPackedRows);
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
