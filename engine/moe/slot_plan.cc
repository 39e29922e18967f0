#include "engine/moe/slot_plan.h"

#include <algorithm>
#include <map>
#include <string>

namespace foregate {
namespace {

// One expert is computed while the next is fetched.
constexpr size_t kFewest = 2;

}  // namespace

size_t SlotPlan::num_slots() const {
  size_t sum = 0;
  for (const SlotClass& slots : classes) sum += slots.num_slots;
  return sum;
}

uint64_t SlotPlan::num_bytes() const {
  uint64_t sum = 0;
  for (const SlotClass& slots : classes) sum += uint64_t{slots.num_slots} * slots.block_bytes;
  return sum;
}

SlotPlan PlanAllSlots(const ExpertDirectory& directory) {
  std::map<size_t, size_t> num_experts;  // by block bytes
  for (size_t expert = 0; expert < directory.size(); ++expert) ++num_experts[directory.layout(expert).block_bytes()];
  SlotPlan plan;
  for (const auto& [block_bytes, count] : num_experts) plan.classes.push_back({block_bytes, count});
  for (size_t expert = 0; expert < directory.size(); ++expert) {
    const size_t block_bytes = directory.layout(expert).block_bytes();
    plan.class_of.push_back(static_cast<size_t>(std::distance(num_experts.begin(), num_experts.find(block_bytes))));
  }
  return plan;
}

uint64_t LeastSlotBytes(const std::vector<SlotClass>& classes) {
  uint64_t sum = 0;
  for (const SlotClass& slots : classes) sum += slots.block_bytes * std::min(kFewest, slots.num_slots);
  return sum;
}

std::vector<size_t> DivideSlots(const std::vector<SlotClass>& classes, uint64_t memory_bytes) {
  uint64_t all_bytes = 0;
  for (const SlotClass& slots : classes) all_bytes += uint64_t{slots.num_slots} * slots.block_bytes;
  const uint64_t fewest_bytes = LeastSlotBytes(classes);
  std::vector<size_t> counts;
  for (const SlotClass& slots : classes) {
    const size_t fewest = std::min(kFewest, slots.num_slots);
    if (memory_bytes >= all_bytes || memory_bytes <= fewest_bytes) {
      counts.push_back(memory_bytes >= all_bytes ? slots.num_slots : fewest);
      continue;
    }
    const double share = static_cast<double>(slots.num_slots - fewest) / static_cast<double>(all_bytes - fewest_bytes);
    counts.push_back(fewest + static_cast<size_t>(static_cast<double>(memory_bytes - fewest_bytes) * share));
  }
  return counts;
}

absl::StatusOr<SlotPlan> PlanSlots(const ExpertDirectory& directory, uint64_t memory_bytes) {
  SlotPlan plan = PlanAllSlots(directory);
  const uint64_t fewest_bytes = LeastSlotBytes(plan.classes);
  if (memory_bytes < fewest_bytes)
    return absl::InvalidArgumentError("expert memory of " + std::to_string(memory_bytes) + " bytes: the model's " +
                                      std::to_string(directory.size()) + " experts need " +
                                      std::to_string(plan.num_bytes()) + " to stay in memory, and at least " +
                                      std::to_string(fewest_bytes));
  const std::vector<size_t> counts = DivideSlots(plan.classes, memory_bytes);
  for (size_t i = 0; i < counts.size(); ++i) plan.classes[i].num_slots = counts[i];
  return plan;
}

SlotPlan PlanEqualSlots(const ExpertDirectory& directory, size_t num_slots) {
  return {.classes = {{directory.max_block_bytes(), std::min(num_slots, directory.size())}},
          .class_of = std::vector<size_t>(directory.size(), 0)};
}

}  // namespace foregate
