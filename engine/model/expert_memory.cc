#include "engine/model/expert_memory.h"

namespace foregate {

absl::StatusOr<SlotPlan> ExpertMemory::Plan(const ExpertDirectory& experts) const {
  if (num_slots > 0) return PlanEqualSlots(experts, num_slots);
  if (num_bytes > 0) return PlanSlots(experts, num_bytes);
  return PlanAllSlots(experts);
}

}  // namespace foregate
