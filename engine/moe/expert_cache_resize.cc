// How the expert cache gives memory back to the system, and takes it again.
#include <algorithm>
#include <utility>

#include "engine/moe/expert_cache.h"

namespace foregate {

bool ExpertCache::Resize(uint64_t num_bytes) {
  if (!can_resize_) return true;
  num_bytes = std::clamp(num_bytes, least_slot_bytes(), slot_bytes());
  if (num_bytes == size_) return true;
  const std::vector<size_t> wanted = DivideSlots(classes_, num_bytes);
  bool is_done = true;
  for (size_t slot_class = 0; slot_class < wanted.size(); ++slot_class) {
    while (num_usable_[slot_class] < wanted[slot_class]) Restore(slot_class);
    while (num_usable_[slot_class] > wanted[slot_class] && Retire(slot_class)) {
    }
    is_done = is_done && num_usable_[slot_class] == wanted[slot_class];
  }
  size_ = is_done ? num_bytes : 0;  // between two sizes it is none
  return is_done;
}

bool ExpertCache::Retire(size_t slot_class) {
  std::vector<size_t>& free = free_slots_[slot_class];
  if (free.empty()) FindCandidates(slot_class);
  if (free.empty() && !EvictOne(slot_class)) return false;
  const size_t slot = free.back();
  free.pop_back();
  retired_slots_[slot_class].push_back(slot);
  --num_usable_[slot_class];
  if (std::exchange(slots_[slot].is_hollow, true)) return true;
  store_->ReleaseMemory();
  blocks_[slot_class].ReturnPages(slot - first_slot_[slot_class]);
  counters_.memory_bytes.fetch_sub(classes_[slot_class].block_bytes, std::memory_order_relaxed);
  return true;
}

void ExpertCache::Restore(size_t slot_class) {
  std::vector<size_t>& retired = retired_slots_[slot_class];
  free_slots_[slot_class].push_back(retired.back());
  retired.pop_back();
  ++num_usable_[slot_class];
}

void ExpertCache::CountPages(size_t slot) {
  slots_[slot].is_hollow = false;
  counters_.memory_bytes.fetch_add(classes_[class_of_[slots_[slot].expert]].block_bytes, std::memory_order_relaxed);
}

}  // namespace foregate
