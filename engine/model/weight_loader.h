// LoadWeights: reads a checkpoint, or the container that was packed from it, into device memory: dense tensors into one
// arena, experts into the slots of the expert cache, or into the host store when there are fewer slots than experts.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_file.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"
#include "engine/model/weights.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/expert_store.h"
#include "kernels/api/device.h"

namespace foregate {

struct WeightLoadOptions {
  size_t num_expert_slots = 0;                                                   // 0: one for every expert
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress = {};  // may be empty
  const std::atomic<bool>* cancelled = nullptr;                                  // polled; may be null
  ContainerFile* container = nullptr;  // where packed weights are read from, in place of the checkpoint
  ContainerWriter* writer = nullptr;   // gets a copy of what is packed; used up to its first error, which is then told
  std::function<void(const absl::Status&)> on_writer_failed = {};
};

struct LoadedWeights {
  std::unique_ptr<DeviceBuffer> arena;
  ModelWeights dense;
  std::unique_ptr<const ExpertDirectory> experts;
  std::unique_ptr<ExpertStore> store;  // null when every expert has a slot
  std::unique_ptr<ExpertCache> cache;
  uint64_t digest[2] = {0, 0};  // XXH3-128 of numeric contract, names, shapes, element types and bytes
};

// `options.container` describes `plan` (OpenContainer). CANCELLED when asked to; DATA_LOSS when a file shrinks or a
// container's checksum is wrong; RESOURCE_EXHAUSTED when memory is not to be had.
absl::StatusOr<LoadedWeights> LoadWeights(const ModelConfig& config, const WeightPlan& plan,
                                          const Checkpoint& checkpoint, const WeightLoadOptions& options,
                                          Device& device);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_LOADER_H_
