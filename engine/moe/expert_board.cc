#include "engine/moe/expert_board.h"

namespace foregate {

void ExpertBoard::SetSlots(const std::vector<const ExpertFetch*>& fetches) {
  slots_ = std::vector<Slot>(fetches.size());
  for (size_t i = 0; i < fetches.size(); ++i) slots_[i].fetch = fetches[i];
}

std::vector<ExpertState> ExpertBoard::States() const {
  constexpr size_t kNobody = static_cast<size_t>(-1);
  std::vector<ExpertState> states(slot_of_expert_.size(), ExpertState::kAbsent);
  std::vector<size_t> owners(slots_.size(), kNobody);
  for (size_t expert = 0; expert < states.size(); ++expert) {
    const uint32_t place = slot_of_expert_[expert].load(std::memory_order_relaxed);
    if (place == 0) continue;
    const Slot& slot = slots_[place - 1];
    const FetchState fetched = slot.fetch->state.load(std::memory_order_relaxed);
    if (fetched == FetchState::kFailed) continue;
    // The slot changed hands while this was read.
    if (owners[place - 1] != kNobody) states[owners[place - 1]] = ExpertState::kAbsent;
    owners[place - 1] = expert;
    states[expert] = fetched == FetchState::kPending                  ? ExpertState::kLoading
                     : slot.is_leased.load(std::memory_order_relaxed) ? ExpertState::kPinned
                                                                      : ExpertState::kResident;
  }
  return states;
}

}  // namespace foregate
