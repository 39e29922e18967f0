// ExpertBoard: what the expert cache shows of each MoE layer and of each expert while the engine runs.
//
// The engine thread writes, anyone reads: relaxed atomics, no lock, nothing allocated after the constructor. Whether an
// expert that has a slot is whole is read where it is known first, in the slot's fetch. 4 bytes per expert.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_BOARD_H_
#define FOREGATE_ENGINE_MOE_EXPERT_BOARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/moe/expert_store.h"

namespace foregate {

// expert_cache.h says what they mean and what changes them.
enum class ExpertState : uint8_t { kAbsent, kLoading, kResident, kPinned };

class ExpertBoard {
 public:
  // Since the start.
  struct Layer {
    uint64_t expert_bytes = 0;  // of one expert's slot; set once
    // Acquired experts, each once per step however many rows chose it.
    std::atomic<uint64_t> num_hits{0};    // resident
    std::atomic<uint64_t> num_late{0};    // on their way already
    std::atomic<uint64_t> num_misses{0};  // absent
    std::atomic<uint64_t> num_evictions{0};
  };

  ExpertBoard(size_t num_layers, size_t experts_per_layer)
      : experts_per_layer_(experts_per_layer), layers_(num_layers), slot_of_expert_(num_layers * experts_per_layer) {}

  // Before anyone reads: one fetch per slot, in place as long as the board.
  void SetSlots(const std::vector<const ExpertFetch*>& fetches);

  // The engine thread. Experts by directory index, layers by index among those that route.
  Layer& layer_of(size_t expert) { return layers_[expert / experts_per_layer_]; }
  void ShowSlot(size_t expert, size_t slot) {
    slot_of_expert_[expert].store(static_cast<uint32_t>(slot) + 1, std::memory_order_relaxed);
  }
  void ShowNoSlot(size_t expert) { slot_of_expert_[expert].store(0, std::memory_order_relaxed); }
  void ShowLeased(size_t slot, bool is_leased) { slots_[slot].is_leased.store(is_leased, std::memory_order_relaxed); }

  // Anyone.
  const std::vector<Layer>& layers() const { return layers_; }
  size_t experts_per_layer() const { return experts_per_layer_; }
  // By directory index. Not one instant, but never more experts in slots than there are slots.
  std::vector<ExpertState> States() const;

 private:
  struct Slot {
    const ExpertFetch* fetch = nullptr;
    std::atomic<bool> is_leased{false};
  };
  const size_t experts_per_layer_;
  std::vector<Layer> layers_;
  std::vector<std::atomic<uint32_t>> slot_of_expert_;  // plus 1; 0: none
  std::vector<Slot> slots_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_BOARD_H_
