// AllocateWeights: the memory that a plan's weights take, and which byte of a container's payload belongs where in it:
// dense tensors in one arena, experts in the slots of the expert cache, or in the host store when there are fewer slots
// than experts.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/container/payload_reader.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"
#include "engine/model/weights.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/expert_store.h"
#include "kernels/api/device.h"

namespace foregate {

struct LoadedWeights {
  std::unique_ptr<DeviceBuffer> arena;
  ModelWeights dense;
  std::unique_ptr<const ExpertDirectory> experts;
  std::unique_ptr<ExpertStore> store;  // null when every expert has a slot
  std::unique_ptr<ExpertCache> cache;
  uint64_t digest[2] = {0, 0};  // XXH3-128 of numeric contract, names, shapes, element types and bytes
};

struct WeightMemory {
  LoadedWeights weights;             // whose views are set and whose bytes are not
  std::vector<PayloadRange> ranges;  // ascending; neighbours in payload and memory are one
};

// `num_expert_slots`: 0 for all. RESOURCE_EXHAUSTED when memory is not to be had.
absl::StatusOr<WeightMemory> AllocateWeights(const ModelConfig& config, const WeightPlan& plan, size_t num_expert_slots,
                                             Device& device);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_MEMORY_H_
