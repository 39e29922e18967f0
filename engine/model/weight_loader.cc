#include "engine/model/weight_loader.h"

#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "engine/formats/gguf/dequantize.h"
#include "engine/model/container/container_plan.h"
#include "engine/moe/eviction_policy.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

// Large enough to keep a disk busy, small enough for caches and for prompt progress.
constexpr size_t kStagingBytes = size_t{4} << 20;

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
  void Finish(uint64_t (&digest)[2]) const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    digest[0] = hash.low64;
    digest[1] = hash.high64;
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// Moves tensors from the checkpoint to their places, packed where they are matrices, through two staging buffers where
// the place is device memory.
class Loader {
 public:
  Loader(const Checkpoint& checkpoint, uint64_t total_bytes, const WeightLoadOptions& options, Device& device)
      : checkpoint_(checkpoint),
        total_bytes_(total_bytes),
        options_(options),
        device_(device),
        writer_(options.writer) {}

  absl::Status Start() {
    stream_ = device_.NewStream();
    digest_.Add(std::string_view(device_.info().numeric_contract));
    Report(0);
    return absl::OkStatus();
  }

  // Bytes of the container's payload, to device memory or host memory.
  absl::Status Unpack(uint64_t payload_offset, uint64_t num_bytes, void* destination, bool is_host) {
    auto* place = static_cast<std::byte*>(destination);
    for (uint64_t done = 0; done < num_bytes;) {
      if (IsCancelled()) return absl::CancelledError("loading was cancelled");
      // Pieces end with the container's chunks, which are then read without a detour.
      const uint64_t offset = payload_offset + done;
      const size_t count = std::min<uint64_t>(kStagingBytes - offset % kContainerChunkBytes, num_bytes - done);
      if (is_host) {
        FOREGATE_RETURN_IF_ERROR(options_.container->Read(offset, {place + done, count}));
      } else {
        FOREGATE_ASSIGN_OR_RETURN(const std::span<std::byte> staging, NextStaging(count));
        FOREGATE_RETURN_IF_ERROR(options_.container->Read(offset, staging));
        FOREGATE_RETURN_IF_ERROR(SendStaging(staging, place + done));
      }
      done += count;
      Report(count);
    }
    return absl::OkStatus();
  }

  // The tensor as it is stored, to device memory; `payload_offset` is its place in a container.
  absl::Status Copy(const Checkpoint::Tensor& tensor, void* destination, uint64_t payload_offset) {
    digest_.Add(tensor.entry);
    for (uint64_t offset = 0; offset < tensor.entry.num_bytes;) {
      const size_t num_bytes = std::min<uint64_t>(kStagingBytes, tensor.entry.num_bytes - offset);
      FOREGATE_ASSIGN_OR_RETURN(const std::span<std::byte> bytes, NextStaging(num_bytes));
      FOREGATE_RETURN_IF_ERROR(Read(tensor, offset, bytes));
      Keep(payload_offset + offset, bytes);
      FOREGATE_RETURN_IF_ERROR(SendStaging(bytes, static_cast<std::byte*>(destination) + offset));
      offset += num_bytes;
    }
    return absl::OkStatus();
  }

  // The tensor packed into `matrix`, which is device memory, or host memory when `is_host`. A few panels at a time.
  absl::Status Pack(const Checkpoint::Tensor& tensor, const WeightMatrix& matrix, bool is_host,
                    uint64_t payload_offset) {
    digest_.Add(tensor.entry);
    digest_.Add(std::string_view(WeightFormatName(matrix.format)));
    const size_t row_bytes = static_cast<size_t>(matrix.num_inputs) * ElementBytes(tensor.entry.dtype);
    const size_t panel_bytes = LayoutOfPanel(matrix.format, matrix.num_inputs).stride_bytes;
    // Blocks of GGUF that the format holds as they are, integers and scales.
    const bool is_exact =
        tensor.gguf.has_value() && IsQuantized(matrix.format) && Checkpoint::StoredFormat(tensor) == matrix.format;
    const size_t largest = std::max(row_bytes * kPanelOutputs, panel_bytes);
    const int64_t rows_at_once = static_cast<int64_t>(std::max<size_t>(1, kStagingBytes / largest)) * kPanelOutputs;
    for (int64_t first = 0; first < matrix.num_outputs; first += rows_at_once) {
      const int64_t count = std::min(rows_at_once, matrix.num_outputs - first);
      FOREGATE_RETURN_IF_ERROR(is_exact ? ReadBlocks(tensor, first, count, matrix.num_inputs)
                                        : ReadRows(tensor, first, count, matrix));
      const size_t offset = static_cast<size_t>(first / kPanelOutputs) * panel_bytes;
      std::byte* place = static_cast<std::byte*>(matrix.data) + offset;
      WeightMatrix part = {
          .data = place, .format = matrix.format, .num_outputs = count, .num_inputs = matrix.num_inputs};
      if (is_host) {
        PackSource(tensor, is_exact, part);
        Keep(payload_offset + offset, {place, part.num_bytes()});
        continue;
      }
      FOREGATE_ASSIGN_OR_RETURN(const std::span<std::byte> staging, NextStaging(part.num_bytes()));
      part.data = staging.data();
      PackSource(tensor, is_exact, part);
      Keep(payload_offset + offset, staging);
      FOREGATE_RETURN_IF_ERROR(SendStaging(staging, place));
    }
    return absl::OkStatus();
  }

  // Waits for what is enqueued; the digest is that of the weights, from wherever they were read.
  absl::Status Finish(uint64_t (&digest)[2]) {
    digest_.Finish(digest);
    if (options_.container != nullptr) {
      const uint64_t(&packed)[2] = options_.container->directory().digest;
      std::copy(std::begin(packed), std::end(packed), std::begin(digest));
    }
    return device_.Record(*stream_)->Wait(NoDeadline());
  }
  // Completes the container, if one is written and nothing went wrong.
  void FinishWriter(const uint64_t (&digest)[2]) {
    if (writer_ != nullptr) Tell(writer_->Finish(digest));
  }

 private:
  struct Staging {
    std::unique_ptr<DeviceBuffer> buffer;
    std::unique_ptr<Event> copied;
  };

  // Loading is bounded by the cancel flag, not by time.
  static std::chrono::steady_clock::time_point NoDeadline() { return std::chrono::steady_clock::time_point::max(); }

  bool IsCancelled() const {
    return options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed);
  }

  // Copies packed bytes to the container that is being written. Without a container the daemon works as well.
  void Keep(uint64_t payload_offset, std::span<const std::byte> bytes) {
    if (writer_ != nullptr) Tell(writer_->Append(payload_offset, bytes));
  }
  void Tell(const absl::Status& status) {
    if (status.ok()) return;
    writer_ = nullptr;
    if (options_.on_writer_failed) options_.on_writer_failed(status);
  }

  // Reads, and counts what was read.
  absl::Status Read(const Checkpoint::Tensor& tensor, uint64_t offset, std::span<std::byte> bytes) {
    if (IsCancelled()) return absl::CancelledError("loading was cancelled");
    FOREGATE_RETURN_IF_ERROR(checkpoint_.Read(tensor, offset, bytes));
    digest_.Add(bytes);
    Report(bytes.size());
    return absl::OkStatus();
  }

  absl::Status ReadRows(const Checkpoint::Tensor& tensor, int64_t first, int64_t count, const WeightMatrix& matrix) {
    const size_t row_bytes = static_cast<size_t>(matrix.num_inputs) * ElementBytes(tensor.entry.dtype);
    source_.resize(static_cast<size_t>(count) * row_bytes);
    FOREGATE_RETURN_IF_ERROR(Read(tensor, static_cast<uint64_t>(first) * row_bytes, source_));
    const TensorView rows(source_.data(), tensor.entry.dtype, {count, matrix.num_inputs});
    return CheckPackable(tensor, rows, first, matrix.format);
  }

  absl::Status ReadBlocks(const Checkpoint::Tensor& tensor, int64_t first, int64_t count, int64_t num_inputs) {
    if (IsCancelled()) return absl::CancelledError("loading was cancelled");
    source_.resize(static_cast<size_t>(count) * checkpoint_.StoredRowBytes(tensor));
    FOREGATE_RETURN_IF_ERROR(checkpoint_.ReadStoredRows(tensor, first, source_));
    digest_.Add(source_);
    // Counted as the plan counts, which is in delivered bytes.
    Report(static_cast<uint64_t>(count * num_inputs) * ElementBytes(tensor.entry.dtype));
    return absl::OkStatus();
  }

  // Packs what ReadRows or ReadBlocks read into all of `part`.
  void PackSource(const Checkpoint::Tensor& tensor, bool is_exact, const WeightMatrix& part) {
    if (!is_exact) {
      PackRows(TensorView(source_.data(), tensor.entry.dtype, {part.num_outputs, part.num_inputs}), 0, part);
      return;
    }
    if (!IsMadeOfFloats(part.format)) return PackBlocks(source_.data(), part.num_outputs, 0, part);
    const auto num_elements = static_cast<size_t>(part.num_outputs * part.num_inputs);
    integers_.resize(num_elements);
    scales_.resize(num_elements / static_cast<size_t>(GroupInputs(part.format, part.num_inputs)));
    FOREGATE_CHECK(SplitGguf(tensor.gguf->type, source_, integers_, scales_));
    PackQuantizedRows(integers_.data(), scales_.data(), part.num_outputs, 0, part);
  }

  static absl::Status CheckPackable(const Checkpoint::Tensor& tensor, const TensorView& rows, int64_t first_row,
                                    WeightFormat format) {
    const int64_t row = IsQuantized(format) ? FirstRowNotFinite(rows) : -1;
    if (row < 0) return absl::OkStatus();
    return absl::InvalidArgumentError(tensor.file->path() + ": tensor " + tensor.entry.name + ": row " +
                                      std::to_string(first_row + row) + " has a NaN or an infinity, which " +
                                      WeightFormatName(format) + " cannot hold");
  }

  // Host memory of the next copy; waits until its last copy has run.
  absl::StatusOr<std::span<std::byte>> NextStaging(size_t num_bytes) {
    Staging& staging = staging_[++next_ % 2];
    if (staging.copied != nullptr) FOREGATE_RETURN_IF_ERROR(staging.copied->Wait(NoDeadline()));
    if (staging.buffer == nullptr || staging.buffer->num_bytes() < num_bytes) {
      FOREGATE_ASSIGN_OR_RETURN(staging.buffer,
                                device_.Allocate(std::max(num_bytes, kStagingBytes), MemorySpace::kHost));
    }
    return std::span(static_cast<std::byte*>(staging.buffer->data()), num_bytes);
  }

  // Enqueues the copy of what NextStaging gave. All that is stored and packed comes in units of 2 bytes.
  absl::Status SendStaging(std::span<std::byte> bytes, void* destination) {
    const auto count = static_cast<int64_t>(bytes.size() / 2);
    FOREGATE_RETURN_IF_ERROR(device_.CopyAsync(TensorView(bytes.data(), DType::kF16, {count}),
                                               TensorView(destination, DType::kF16, {count}), *stream_));
    staging_[next_ % 2].copied = device_.Record(*stream_);
    return absl::OkStatus();
  }

  void Report(uint64_t num_bytes) {
    done_bytes_ += num_bytes;
    if (options_.progress) options_.progress(done_bytes_, total_bytes_);
  }

  const Checkpoint& checkpoint_;
  const uint64_t total_bytes_;
  const WeightLoadOptions& options_;
  Device& device_;
  // The staging buffers outlive the stream, whose destruction ends the copies that read them.
  Staging staging_[2];
  std::unique_ptr<Stream> stream_;
  size_t next_ = 0;
  std::vector<std::byte> source_;  // rows or blocks as they are stored
  std::vector<int8_t> integers_;   // of blocks
  std::vector<uint16_t> scales_;
  uint64_t done_bytes_ = 0;
  Digest digest_;
  ContainerWriter* writer_;  // null: none, or it failed
};

absl::Status LoadDense(const ModelConfig& config, const WeightPlan& plan, bool from_container, Loader& loader,
                       Device& device, LoadedWeights& weights) {
  FOREGATE_ASSIGN_OR_RETURN(weights.arena, device.Allocate(plan.dense_bytes, MemorySpace::kDevice));
  const std::vector<NamedTensor> tensors = DenseTensors(config, weights.dense);
  FOREGATE_CHECK_EQ(tensors.size(), plan.dense.size());
  if (from_container) {
    FOREGATE_RETURN_IF_ERROR(loader.Unpack(0, plan.dense_bytes, weights.arena->data(), /*is_host=*/false));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Checkpoint::Tensor& tensor = *plan.dense[i].tensor;
    void* address = static_cast<std::byte*>(weights.arena->data()) + plan.dense[i].offset;
    const std::vector<int64_t>& shape = tensors[i].shape;
    if (WeightMatrix* const* matrix = std::get_if<WeightMatrix*>(&tensors[i].place)) {
      **matrix = {.data = address, .format = *plan.dense[i].format, .num_outputs = shape[0], .num_inputs = shape[1]};
      if (!from_container)
        FOREGATE_RETURN_IF_ERROR(loader.Pack(tensor, **matrix, /*is_host=*/false, plan.dense[i].offset));
      continue;
    }
    *std::get<TensorView*>(tensors[i].place) = shape.size() == 1
                                                   ? TensorView(address, tensor.entry.dtype, {shape[0]})
                                                   : TensorView(address, tensor.entry.dtype, {shape[0], shape[1]});
    if (!from_container) FOREGATE_RETURN_IF_ERROR(loader.Copy(tensor, address, plan.dense[i].offset));
  }
  return absl::OkStatus();
}

absl::Status LoadExperts(const WeightPlan& plan, bool from_container, Loader& loader, LoadedWeights& weights) {
  const bool is_host = weights.store != nullptr;
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    const ExpertKey key = plan.experts.key(i);
    void* block = nullptr;
    if (is_host) {
      block = weights.store->block(key);
    } else {
      FOREGATE_ASSIGN_OR_RETURN(block, weights.cache->Place(key));
    }
    const ExpertLayout& layout = plan.experts.layout(i);
    const uint64_t payload_offset = ContainerExpertOffset(plan, i);
    if (from_container) {
      FOREGATE_RETURN_IF_ERROR(loader.Unpack(payload_offset, layout.block_bytes(), block, is_host));
      continue;
    }
    for (const Projection projection : kProjections) {
      const Checkpoint::Tensor& tensor = *plan.expert_tensors[i][static_cast<size_t>(projection)];
      FOREGATE_RETURN_IF_ERROR(
          loader.Pack(tensor, layout.Matrix(block, projection), is_host, payload_offset + layout.offset(projection)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedWeights> LoadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const Checkpoint& checkpoint, const WeightLoadOptions& options,
                                          Device& device) {
  LoadedWeights weights;
  weights.experts = std::make_unique<const ExpertDirectory>(plan.experts);
  const size_t num_slots = options.num_expert_slots == 0 ? plan.experts.size() : options.num_expert_slots;
  if (num_slots < plan.experts.size()) {
    FOREGATE_ASSIGN_OR_RETURN(weights.store, ExpertStore::Create(*weights.experts, device));
  }
  FOREGATE_ASSIGN_OR_RETURN(weights.cache,
                            ExpertCache::Create(*weights.experts, std::min(num_slots, plan.experts.size()),
                                                weights.store.get(), EvictLeastRecentlyUsed, device));
  const bool from_container = options.container != nullptr;
  uint64_t total_bytes = plan.file_bytes;
  if (from_container) total_bytes = plan.dense_bytes;
  for (size_t i = 0; from_container && i < plan.experts.size(); ++i)
    total_bytes += plan.experts.layout(i).block_bytes();
  Loader loader(checkpoint, total_bytes, options, device);
  FOREGATE_RETURN_IF_ERROR(loader.Start());
  absl::Status loaded = LoadDense(config, plan, from_container, loader, device, weights);
  if (loaded.ok()) loaded = LoadExperts(plan, from_container, loader, weights);
  // Also after a failure: enqueued copies must not outlive the memory.
  const absl::Status finished = loader.Finish(weights.digest);
  FOREGATE_RETURN_IF_ERROR(loaded);
  FOREGATE_RETURN_IF_ERROR(finished);
  loader.FinishWriter(weights.digest);
  return weights;
}

}  // namespace foregate
