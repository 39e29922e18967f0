// AllocateWeights: the memory that a plan's weights take, and which byte of a container's payload belongs where in it:
// dense tensors in one arena, experts in the slots of the expert cache, or, when there are fewer slots than experts, in
// a store below it: in host memory, or left in the container.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/container/payload_reader.h"
#include "engine/model/expert_memory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"
#include "engine/model/weights.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/expert_store.h"
#include "engine/moe/store/piece_readers.h"
#include "engine/moe/store/stored_experts.h"
#include "kernels/api/device.h"

namespace foregate {

struct LoadedWeights {
  std::unique_ptr<DeviceBuffer> arena;
  ModelWeights dense;
  std::unique_ptr<const ExpertDirectory> experts;
  std::unique_ptr<ExpertStore> store;  // null when every expert has a slot; outlives the cache
  std::unique_ptr<ExpertCache> cache;
  std::string container_path;   // from which experts are read; empty when none are
  uint64_t digest[2] = {0, 0};  // XXH3-128 of numeric contract, names, shapes, element types and bytes
};

struct WeightMemory {
  LoadedWeights weights;             // whose views are set and whose bytes are not
  std::vector<PayloadRange> ranges;  // ascending; neighbours in payload and memory are one
};

// `stored`: the experts of the container, where they are read from it, by `expert_read` unless that is empty.
// RESOURCE_EXHAUSTED when memory is not to be had; UNIMPLEMENTED when a device that has its own memory should read a
// container.
absl::StatusOr<WeightMemory> AllocateWeights(const ModelConfig& config, const WeightPlan& plan,
                                             const ExpertMemory& expert_memory, const StoredExperts* stored,
                                             Device& device, FileRead expert_read = {});

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_
