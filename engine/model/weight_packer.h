// PackWeights: a checkpoint's tensors, packed for the kernels, as the payload of a container: piece after piece, by
// several threads, in bounded memory.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_PACKER_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_PACKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/checkpoint.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"

namespace foregate {

// Large enough to keep a disk busy, small enough for caches and for prompt progress.
inline constexpr size_t kPackPieceBytes = size_t{1} << 20;

struct PackOptions {
  int num_threads = 1;
  size_t piece_bytes = kPackPieceBytes;  // read or written at once; at least 16 rows
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};  // one call at a time, by any thread
  const std::atomic<bool>* cancelled = nullptr;                                  // polled; may be null
};

struct WeightDigest {
  uint64_t words[2] = {0, 0};
};

// Takes packed bytes and their place in the payload. Places ascend and calls do not overlap; the bytes are the caller's
// again afterwards. An error ends the packing.
using PackSink = std::function<absl::Status(uint64_t payload_offset, std::span<const std::byte> bytes)>;

// Memory that PackWeights needs with such options, but for what reading a quantized GGUF tensor takes (1 MiB and a row,
// each thread).
size_t PackBufferBytes(const ModelConfig& config, const WeightPlan& plan, const PackOptions& options);

// Returns the digest of what was read: of numeric contract, names, shapes, element types, formats and bytes, in the
// plan's order whatever the threads. `plan` is of `checkpoint`, whose base, where it has one, is checked first: the
// only place that reads a checkpoint's weights. CheckBase's errors; CANCELLED when asked to; DATA_LOSS when a file
// shrinks; INVALID_ARGUMENT naming the row that a format cannot hold; the sink's errors.
absl::StatusOr<WeightDigest> PackWeights(const ModelConfig& config, const WeightPlan& plan,
                                         const Checkpoint& checkpoint, std::string_view numeric_contract,
                                         const PackOptions& options, const PackSink& sink);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_PACKER_H_
