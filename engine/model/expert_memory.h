// ExpertMemory: how much fast memory the experts of a model get, and so where the others are, and which of them give up
// their place. A value.
#ifndef FOREGATE_ENGINE_MODEL_EXPERT_MEMORY_H_
#define FOREGATE_ENGINE_MODEL_EXPERT_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/slot_plan.h"

namespace foregate {

// Neither bytes nor slots: a slot for every expert.
struct ExpertMemory {
  uint64_t num_bytes = 0;  // of slots; experts that have none are read from the model's container when they are wanted
  size_t num_slots = 0;    // of the largest expert's size; every expert is in host memory as well
  EvictionPolicy eviction = EvictFarthestExpectedUse;

  // INVALID_ARGUMENT with the numbers when it is too little.
  absl::StatusOr<SlotPlan> Plan(const ExpertDirectory& experts) const;
  // Whether the container is read while the model is served.
  bool reads_container(const SlotPlan& slots) const {
    return num_slots == 0 && slots.num_slots() < slots.class_of.size();
  }
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_EXPERT_MEMORY_H_
