// SlotPlan: how many slots of which size the expert cache has. Pure.
//
// The experts of one layer are equally large; layers may differ (mixed formats). Layers of one block size share a class
// of slots, and each class gets the share of the memory that its experts are of all.
#ifndef FOREGATE_ENGINE_MOE_SLOT_PLAN_H_
#define FOREGATE_ENGINE_MOE_SLOT_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/expert_directory.h"

namespace foregate {

struct SlotClass {
  size_t block_bytes = 0;
  size_t num_slots = 0;
  bool operator==(const SlotClass&) const = default;
};

struct SlotPlan {
  std::vector<SlotClass> classes;  // ascending by block_bytes
  std::vector<size_t> class_of;    // by directory index of the expert

  size_t num_slots() const;
  uint64_t num_bytes() const;
};

// A slot for every expert.
SlotPlan PlanAllSlots(const ExpertDirectory& directory);
// As many slots as fit into `memory_bytes`; PlanAllSlots when all do. INVALID_ARGUMENT with the numbers when two of a
// class do not fit: one expert is computed while the next is fetched.
absl::StatusOr<SlotPlan> PlanSlots(const ExpertDirectory& directory, uint64_t memory_bytes);
// Of at most `classes`, how many slots of each fit into `memory_bytes`: two of each, or what there is, and of the rest
// each class's share.
std::vector<size_t> DivideSlots(const std::vector<SlotClass>& classes, uint64_t memory_bytes);
// Bytes of two of each, or of what there is.
uint64_t LeastSlotBytes(const std::vector<SlotClass>& classes);
// `num_slots` of the largest expert's size, for any expert; at most one for each.
SlotPlan PlanEqualSlots(const ExpertDirectory& directory, size_t num_slots);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_SLOT_PLAN_H_
