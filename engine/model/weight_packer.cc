#include "engine/model/weight_packer.h"

#include <xxhash.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/formats/gguf/dequantize.h"
#include "engine/model/base_check.h"
#include "engine/model/container/container_plan.h"
#include "engine/model/run_in_threads.h"
#include "engine/model/weights.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

class Digest {
 public:
  Digest() : state_(XXH3_createState(), XXH3_freeState) {
    FOREGATE_CHECK(state_ != nullptr);
    XXH3_128bits_reset(state_.get());
  }
  void Add(std::span<const std::byte> bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
  // Length first, so that neighbours cannot trade characters.
  void Add(std::string_view text) {
    const uint64_t length = text.size();
    Add(std::as_bytes(std::span(&length, 1)));
    Add(std::as_bytes(std::span(text)));
  }
  void Add(const TensorEntry& entry) {
    Add(std::string_view(entry.name));
    Add(std::string_view(DTypeName(entry.dtype)));
    Add(std::as_bytes(std::span(entry.shape)));
  }
  WeightDigest Finish() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return {{hash.low64, hash.high64}};
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// One tensor of the plan.
struct Task {
  const Checkpoint::Tensor* tensor = nullptr;
  std::optional<WeightFormat> format;  // absent: as stored
  int64_t num_rows = 0;                // of a matrix
  int64_t num_inputs = 0;
  uint64_t payload_offset = 0;

  // Blocks of GGUF that the format holds as they are, integers and scales.
  bool is_exact() const {
    return format.has_value() && tensor->gguf.has_value() && IsQuantized(*format) &&
           Checkpoint::StoredFormat(*tensor) == *format;
  }
  size_t row_bytes() const { return static_cast<size_t>(num_inputs) * ElementBytes(tensor->entry.dtype); }
  size_t panel_bytes() const { return LayoutOfPanel(*format, num_inputs).stride_bytes; }
  // Rows of a piece, whole panels.
  int64_t RowsAtOnce(size_t piece_bytes) const {
    const size_t largest = std::max(row_bytes() * kPanelOutputs, panel_bytes());
    return static_cast<int64_t>(std::max<size_t>(1, piece_bytes / largest)) * kPanelOutputs;
  }
};

std::vector<Task> TasksOf(const ModelConfig& config, const WeightPlan& plan) {
  std::vector<Task> tasks;
  ModelWeights weights;
  const std::vector<NamedTensor> wanted = DenseTensors(config, weights);
  for (size_t i = 0; i < plan.dense.size(); ++i) {
    const WeightPlan::Dense& dense = plan.dense[i];
    if (dense.is_shared) continue;
    Task task{.tensor = dense.tensor, .format = dense.format, .payload_offset = dense.offset};
    if (dense.format.has_value()) {
      task.num_rows = wanted[i].shape[0];
      task.num_inputs = wanted[i].shape[1];
    }
    tasks.push_back(task);
  }
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    const ExpertLayout& layout = plan.experts.layout(i);
    for (const Projection projection : kProjections) {
      tasks.push_back({.tensor = plan.expert_tensors[i][static_cast<size_t>(projection)],
                       .format = layout.format(projection),
                       .num_rows = layout.rows(projection),
                       .num_inputs = layout.columns(projection),
                       .payload_offset = ContainerExpertOffset(plan, i) + layout.offset(projection)});
    }
  }
  return tasks;
}

// A part of a task, from the checkpoint to the sink. One thread's, used again.
struct Piece {
  const Task* task = nullptr;
  int64_t first_row = 0;  // of a matrix
  int64_t num_rows = 0;
  uint64_t payload_offset = 0;
  std::vector<std::byte> source;  // as it is stored
  std::vector<std::byte> packed;  // of a matrix
  std::vector<int8_t> integers;   // of blocks
  std::vector<uint16_t> scales;
};

// Without a vector's room to grow, which would count against a memory limit.
template <typename T>
void SetSize(size_t size, std::vector<T>& buffer) {
  if (buffer.capacity() < size) {
    buffer = {};
    buffer.reserve(size);
  }
  buffer.resize(size);
}

absl::Status CheckPackable(const Piece& piece) {
  const Checkpoint::Tensor& tensor = *piece.task->tensor;
  const TensorView rows(const_cast<std::byte*>(piece.source.data()), tensor.entry.dtype,
                        {piece.num_rows, piece.task->num_inputs});
  const int64_t row = IsQuantized(*piece.task->format) ? FirstRowNotFinite(rows) : -1;
  if (row < 0) return absl::OkStatus();
  return absl::InvalidArgumentError(tensor.file->path() + ": tensor " + tensor.entry.name + ": row " +
                                    std::to_string(piece.first_row + row) + " has a NaN or an infinity, which " +
                                    WeightFormatName(*piece.task->format) + " cannot hold");
}

// Packs what was read. Returns the bytes for the sink.
absl::StatusOr<std::span<const std::byte>> PackPiece(Piece& piece) {
  const Task& task = *piece.task;
  if (!task.format.has_value()) return std::span<const std::byte>(piece.source);
  SetSize(PackedBytes(*task.format, piece.num_rows, task.num_inputs), piece.packed);
  const WeightMatrix part = {.data = piece.packed.data(),
                             .format = *task.format,
                             .num_outputs = piece.num_rows,
                             .num_inputs = task.num_inputs};
  if (!task.is_exact()) {
    FOREGATE_RETURN_IF_ERROR(CheckPackable(piece));
    PackRows(TensorView(piece.source.data(), task.tensor->entry.dtype, {part.num_outputs, part.num_inputs}), 0, part);
    return std::span<const std::byte>(piece.packed);
  }
  if (!IsMadeOfFloats(part.format)) {
    PackBlocks(piece.source.data(), part.num_outputs, 0, part);
    return std::span<const std::byte>(piece.packed);
  }
  const auto num_elements = static_cast<size_t>(part.num_outputs * part.num_inputs);
  SetSize(num_elements, piece.integers);
  SetSize(num_elements / static_cast<size_t>(GroupInputs(part.format, part.num_inputs)), piece.scales);
  FOREGATE_CHECK(SplitGguf(task.tensor->gguf->type, piece.source, piece.integers, piece.scales));
  PackQuantizedRows(piece.integers.data(), piece.scales.data(), part.num_outputs, 0, part);
  return std::span<const std::byte>(piece.packed);
}

// Threads read in turn, because the digest has an order, pack at once, and give to the sink in the order of reading.
class Packer {
 public:
  Packer(std::vector<Task> tasks, uint64_t file_bytes, const Checkpoint& checkpoint, const PackOptions& options,
         const PackSink& sink)
      : tasks_(std::move(tasks)),
        total_bytes_(BaseBytes(checkpoint) + file_bytes),
        checkpoint_(checkpoint),
        options_(options),
        sink_(sink) {}

  absl::StatusOr<WeightDigest> Run(std::string_view numeric_contract) {
    digest_.Add(numeric_contract);
    Report(0);
    const BaseCheckOptions check = {.num_threads = options_.num_threads,
                                    .piece_bytes = options_.piece_bytes,
                                    .progress = [this](uint64_t num_bytes) { Report(num_bytes); },
                                    .cancelled = options_.cancelled};
    FOREGATE_RETURN_IF_ERROR(CheckBase(checkpoint_, check));
    RunInThreads(std::max(1, options_.num_threads), [this](int /*index*/) { Work(); });
    if (!status_.ok()) return status_;
    return digest_.Finish();
  }

 private:
  void Report(uint64_t num_bytes) {
    done_bytes_ += num_bytes;
    if (options_.progress) options_.progress(done_bytes_, total_bytes_);
  }

  void Work() {
    Piece piece;
    while (const std::optional<uint64_t> ticket = ReadNext(piece)) {
      const absl::StatusOr<std::span<const std::byte>> bytes = PackPiece(piece);
      if (!Deliver(*ticket, piece.payload_offset, bytes)) return;
    }
  }

  // The piece's number, or nothing when there is no more to do.
  std::optional<uint64_t> ReadNext(Piece& piece) {
    const std::lock_guard lock(read_mutex_);
    if (is_over_.load(std::memory_order_relaxed) || next_task_ == tasks_.size()) return std::nullopt;
    if (options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed))
      return Fail(absl::CancelledError("loading was cancelled"));
    const absl::Status read = Read(tasks_[next_task_], piece);
    if (!read.ok()) return Fail(read);
    return num_read_++;
  }
  std::nullopt_t Fail(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
    is_over_.store(true, std::memory_order_relaxed);
    delivered_.notify_all();
    return std::nullopt;
  }

  // Reads the next piece of the task that is under way, which ends when nothing of it is left.
  absl::Status Read(const Task& task, Piece& piece) {
    const Checkpoint::Tensor& tensor = *task.tensor;
    if (position_ == 0) {
      digest_.Add(tensor.entry);
      if (task.format.has_value()) digest_.Add(std::string_view(WeightFormatName(*task.format)));
    }
    piece.task = &task;
    uint64_t delivered_bytes = 0;  // as the plan counts them
    bool is_last = false;
    if (!task.format.has_value()) {
      delivered_bytes = std::min<uint64_t>(options_.piece_bytes / 64 * 64, tensor.entry.num_bytes - position_);
      SetSize(delivered_bytes, piece.source);
      FOREGATE_RETURN_IF_ERROR(checkpoint_.Read(tensor, position_, piece.source));
      piece.payload_offset = task.payload_offset + position_;
      position_ += delivered_bytes;
      is_last = position_ == tensor.entry.num_bytes;
    } else {
      const auto first = static_cast<int64_t>(position_);
      piece.first_row = first;
      piece.num_rows = std::min(task.RowsAtOnce(options_.piece_bytes), task.num_rows - first);
      delivered_bytes = static_cast<uint64_t>(piece.num_rows) * task.row_bytes();
      FOREGATE_RETURN_IF_ERROR(ReadRows(task, piece));
      piece.payload_offset = task.payload_offset + static_cast<size_t>(first / kPanelOutputs) * task.panel_bytes();
      position_ += static_cast<uint64_t>(piece.num_rows);
      is_last = first + piece.num_rows == task.num_rows;
    }
    digest_.Add(piece.source);
    if (is_last) {
      position_ = 0;
      ++next_task_;
    }
    Report(delivered_bytes);
    return absl::OkStatus();
  }

  absl::Status ReadRows(const Task& task, Piece& piece) const {
    const auto count = static_cast<size_t>(piece.num_rows);
    if (task.is_exact()) {
      SetSize(count * checkpoint_.StoredRowBytes(*task.tensor), piece.source);
      return checkpoint_.ReadStoredRows(*task.tensor, piece.first_row, piece.source);
    }
    SetSize(count * task.row_bytes(), piece.source);
    return checkpoint_.Read(*task.tensor, static_cast<uint64_t>(piece.first_row) * task.row_bytes(), piece.source);
  }

  // Waits for the piece's turn. False when it is over.
  bool Deliver(uint64_t ticket, uint64_t payload_offset, const absl::StatusOr<std::span<const std::byte>>& bytes) {
    std::unique_lock lock(mutex_);
    delivered_.wait(lock, [&] { return num_delivered_ == ticket || is_over_.load(std::memory_order_relaxed); });
    if (is_over_.load(std::memory_order_relaxed)) return false;
    const absl::Status status = bytes.ok() ? sink_(payload_offset, *bytes) : bytes.status();
    ++num_delivered_;
    if (!status.ok()) {
      status_ = status;
      is_over_.store(true, std::memory_order_relaxed);
    }
    delivered_.notify_all();
    return status.ok();
  }

  const std::vector<Task> tasks_;
  const uint64_t total_bytes_;
  const Checkpoint& checkpoint_;
  const PackOptions& options_;
  const PackSink& sink_;

  std::mutex read_mutex_;  // guards what follows, up to mutex_
  size_t next_task_ = 0;
  uint64_t position_ = 0;  // in the next task: row of a matrix, byte of anything else
  uint64_t num_read_ = 0;
  uint64_t done_bytes_ = 0;
  Digest digest_;

  std::mutex mutex_;  // guards what follows; taken after read_mutex_
  std::condition_variable delivered_;
  uint64_t num_delivered_ = 0;
  absl::Status status_;
  std::atomic<bool> is_over_{false};
};

}  // namespace

size_t PackBufferBytes(const ModelConfig& config, const WeightPlan& plan, const PackOptions& options) {
  size_t largest = 0;
  for (const Task& task : TasksOf(config, plan)) {
    size_t num_bytes = std::min<uint64_t>(options.piece_bytes, task.tensor->entry.num_bytes);
    if (task.format.has_value()) {
      const int64_t rows = std::min(task.RowsAtOnce(options.piece_bytes), task.num_rows);
      num_bytes = static_cast<size_t>(rows) * task.row_bytes() + PackedBytes(*task.format, rows, task.num_inputs);
      if (task.is_exact()) num_bytes += static_cast<size_t>(rows * task.num_inputs) * 2;
    }
    largest = std::max(largest, num_bytes);
  }
  return largest * static_cast<size_t>(std::max(1, options.num_threads));
}

absl::StatusOr<WeightDigest> PackWeights(const ModelConfig& config, const WeightPlan& plan,
                                         const Checkpoint& checkpoint, std::string_view numeric_contract,
                                         const PackOptions& options, const PackSink& sink) {
  return Packer(TasksOf(config, plan), plan.file_bytes, checkpoint, options, sink).Run(numeric_contract);
}

}  // namespace foregate
