#include "engine/model/weight_loader.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Copies to memory that the host does not touch, through staging memory that the device can read. One thread at a time.
class DeviceCopier {
 public:
  explicit DeviceCopier(Device& device) : device_(device) {}

  absl::Status Copy(std::span<const std::byte> bytes, std::byte* destination) {
    if (stream_ == nullptr) {
      stream_ = device_.NewStream();
      FOREGATE_ASSIGN_OR_RETURN(staging_, device_.Allocate(kStagingBytes, MemorySpace::kHost));
    }
    // All that is stored and packed comes in units of 2 bytes.
    while (!bytes.empty()) {
      const size_t count = std::min(bytes.size(), kStagingBytes);
      std::memcpy(staging_->data(), bytes.data(), count);
      const auto units = static_cast<int64_t>(count / 2);
      FOREGATE_RETURN_IF_ERROR(device_.CopyAsync(TensorView(staging_->data(), DType::kF16, {units}),
                                                 TensorView(destination, DType::kF16, {units}), *stream_));
      // Loading is bounded by the cancel flag, not by time.
      FOREGATE_RETURN_IF_ERROR(device_.Record(*stream_)->Wait(std::chrono::steady_clock::time_point::max()));
      bytes = bytes.subspan(count);
      destination += count;
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kStagingBytes = size_t{2} << 20;
  Device& device_;
  std::unique_ptr<DeviceBuffer> staging_;  // outlives the stream
  std::unique_ptr<Stream> stream_;
};

// The range that holds a place of the payload.
const PayloadRange& RangeOf(const std::vector<PayloadRange>& ranges, uint64_t payload_offset) {
  const auto next = std::upper_bound(ranges.begin(), ranges.end(), payload_offset,
                                     [](uint64_t offset, const PayloadRange& range) { return offset < range.offset; });
  FOREGATE_CHECK(next != ranges.begin());
  return *std::prev(next);
}

// Of a directory that describes the plan: every part is whole, in the order of projections.
StoredExperts ExpertsOf(const ContainerFile& container, const ContainerDirectory& directory,
                        const ExpertDirectory& experts) {
  StoredExperts stored{.path = container.path(), .experts = {}};
  FOREGATE_CHECK_EQ(directory.experts.size(), experts.size());
  stored.experts.resize(experts.size());
  for (size_t expert = 0; expert < experts.size(); ++expert) {
    const std::vector<ContainerDirectory::Part>& parts = directory.experts[expert].parts;
    FOREGATE_CHECK_EQ(parts.size(), kProjections.size());
    for (size_t i = 0; i < parts.size(); ++i)
      stored.experts[expert][i] = {.file_offset = container.payload_offset() + parts[i].offset,
                                   .slot_offset = experts.layout(expert).offset(parts[i].projection),
                                   .num_bytes = parts[i].num_bytes,
                                   .checksum = parts[i].checksum};
  }
  return stored;
}

}  // namespace

absl::StatusOr<LoadedWeights> LoadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const Checkpoint& checkpoint, const WeightLoadOptions& options,
                                          Device& device) {
  FOREGATE_ASSIGN_OR_RETURN(WeightMemory memory,
                            AllocateWeights(config, plan, options.expert_memory, /*stored=*/nullptr, device));
  DeviceCopier copier(device);
  const PackSink sink = [&](uint64_t payload_offset, std::span<const std::byte> bytes) {
    if (options.keep) options.keep(payload_offset, bytes);
    const PayloadRange& range = RangeOf(memory.ranges, payload_offset);
    std::byte* destination = range.destination + (payload_offset - range.offset);
    if (!range.is_writable) return copier.Copy(bytes, destination);
    std::memcpy(destination, bytes.data(), bytes.size());
    return absl::OkStatus();
  };
  const PackOptions pack = {
      .num_threads = options.num_threads, .progress = options.progress, .cancelled = options.cancelled};
  FOREGATE_ASSIGN_OR_RETURN(const WeightDigest digest,
                            PackWeights(config, plan, checkpoint, device.info().numeric_contract, pack, sink));
  std::copy(std::begin(digest.words), std::end(digest.words), std::begin(memory.weights.digest));
  return std::move(memory.weights);
}

absl::StatusOr<LoadedWeights> ReadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const ContainerFile& container, const ContainerDirectory& directory,
                                          const WeightLoadOptions& options, Device& device) {
  const StoredExperts stored = ExpertsOf(container, directory, plan.experts);
  FOREGATE_ASSIGN_OR_RETURN(WeightMemory memory,
                            AllocateWeights(config, plan, options.expert_memory, &stored, device, options.expert_read));
  uint64_t total_bytes = 0;
  for (const PayloadRange& range : memory.ranges) total_bytes += range.num_bytes;
  uint64_t done_bytes = 0;
  const auto report = [&](uint64_t num_bytes) {
    done_bytes += num_bytes;
    if (options.progress) options.progress(done_bytes, total_bytes);
  };
  report(0);
  DeviceCopier copier(device);
  const PayloadReadOptions read = {.num_threads = options.num_threads,
                                   .cancelled = options.cancelled,
                                   .progress = report,
                                   .deliver = [&](std::span<const std::byte> bytes, std::byte* destination) {
                                     return copier.Copy(bytes, destination);
                                   }};
  FOREGATE_RETURN_IF_ERROR(ReadPayload(container, memory.ranges, read));
  std::copy(std::begin(directory.digest), std::end(directory.digest), std::begin(memory.weights.digest));
  return std::move(memory.weights);
}

}  // namespace foregate
