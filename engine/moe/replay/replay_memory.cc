#include "engine/moe/replay/replay_memory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {

ReplayMemory::ReplayMemory(const ReplayTrace& trace, const Options& options)
    : trace_(trace),
      options_(options),
      usage_(static_cast<int32_t>(trace.header().layers.size()), trace.header().num_experts),
      experts_(trace.num_experts()) {}

void ReplayMemory::BeginVisit(size_t number, const ReplayTrace::Visit& visit) {
  number_ = number;
  layer_index_ = visit.layer_index;
  has_candidates_ = false;
  usage_.Visit(visit.layer_index, visit.num_rows, visit.choices);
  for (size_t i = 0; i < visit.choices.size(); ++i) {
    if (i > 0 && visit.choices[i] == visit.choices[i - 1]) continue;
    const size_t index = trace_.expert_index(visit.layer_index, visit.choices[i]);
    Expert& wanted = experts_[index];
    wanted.visit = number;
    wanted.next_use = visit.next_use[i];
    wanted.is_computed = false;
    if (wanted.state != State::kAbsent) wanted.last_use = ++num_uses_;
    if (wanted.is_lost) Regret(index);
    if (wanted.is_guess) SettleGuess(&wanted);
  }
}

void ReplayMemory::Announce(size_t expert, size_t target, ReadClass read_class, float probability) {
  Expert& announced = experts_[expert];
  announced.target = target;
  announced.target_class = read_class;
  announced.probability = probability;
  has_candidates_ = false;
}

bool ReplayMemory::TakeRoom(size_t expert, ReadClass read_class) {
  while (used_bytes_ + bytes(expert) > options_.memory_bytes)
    if (!EvictOne(expert, read_class)) return false;
  Expert& loading = experts_[expert];
  FOREGATE_CHECK(loading.state == State::kAbsent);
  loading.state = State::kLoading;
  loading.is_regretted = false;
  loading.is_guess = read_class == ReadClass::kSpeculative;
  if (loading.visit == number_) loading.last_use = ++num_uses_;
  if (!loading.was_read) ++num_first_reads_;
  loading.was_read = true;
  used_bytes_ += bytes(expert);
  return true;
}

void ReplayMemory::Arrive(size_t expert) {
  experts_[expert].state = State::kResident;
  residents_.push_back(expert);
  arrivals_.push_back(expert);
}

const std::vector<size_t>& ReplayMemory::TakeArrivals() {
  taken_arrivals_.clear();
  std::swap(taken_arrivals_, arrivals_);
  return taken_arrivals_;
}

EvictionMoment ReplayMemory::moment() const {
  return {.layer_index = layer_index_,
          .num_layers = static_cast<int32_t>(trace_.header().layers.size()),
          .request_bytes = options_.request_bytes};
}

bool ReplayMemory::IsIn(const Expert& expert, Tier tier) const {
  if (expert.visit == number_) return tier == Tier::kComputed && expert.is_computed;
  if (!IsAnnounced(expert)) return tier == Tier::kOthers;
  return tier == (expert.target_class == ReadClass::kCommitted ? Tier::kCommitted : Tier::kGuessed);
}

EvictionCandidate ReplayMemory::CandidateOf(size_t index) const {
  const Expert& expert = experts_[index];
  const int32_t layer_index = layer_of(index);
  const auto number = static_cast<int32_t>(index % static_cast<size_t>(trace_.header().num_experts));
  return {.key = {trace_.header().layers[static_cast<size_t>(layer_index)].layer, number},
          .layer_index = layer_index,
          .bytes = bytes(index),
          .last_use = expert.last_use,
          .share = usage_.share(layer_index, number),
          .probability = expert.is_guess ? 0 : usage_.probability(layer_index, number),
          .hint = IsAnnounced(expert) ? expert.probability : 0,
          .next_use = expert.next_use == ReplayTrace::kNoVisit ? EvictionCandidate::kNever : expert.next_use};
}

void ReplayMemory::Gather(Tier tier) {
  candidates_.clear();
  candidate_experts_.clear();
  for (const size_t resident : residents_) {
    if (!IsIn(experts_[resident], tier)) continue;
    candidates_.push_back(CandidateOf(resident));
    candidate_experts_.push_back(resident);
  }
}

// What the guess brings must be expected sooner than what it drives out.
bool ReplayMemory::IsWorthRoom(size_t guess, const EvictionCandidate& victim) const {
  return ExpectedLayersToUse(CandidateOf(guess), moment()) < ExpectedLayersToUse(victim, moment());
}

void ReplayMemory::Displace(size_t guess, size_t evicted) {
  experts_[guess].has_displaced |= !experts_[evicted].is_guess || experts_[evicted].has_displaced;
  if (experts_[evicted].is_guess) return;
  experts_[evicted].is_lost = true;
  lost_.push_back(evicted);
}

void ReplayMemory::SettleGuess(Expert* guess) {
  if (guess->has_displaced && !lost_.empty()) {
    experts_[lost_.front()].is_lost = false;
    lost_.pop_front();
  }
  guess->is_guess = guess->has_displaced = false;
}

// It is read again at a guess's price: the read that follows settles no other loss.
void ReplayMemory::Regret(size_t expert) {
  Expert& lost = experts_[expert];
  lost.is_lost = false;
  lost.is_regretted = lost.state == State::kAbsent;
  if (lost.is_regretted) regretted_bytes_ += bytes(expert);
  lost_.erase(std::find(lost_.begin(), lost_.end(), expert));
}

bool ReplayMemory::EvictOne(size_t expert, ReadClass read_class) {
  if (!has_candidates_) Gather(Tier::kOthers);
  has_candidates_ = true;
  if (candidates_.empty() && read_class != ReadClass::kSpeculative) {
    has_candidates_ = false;
    const Tier last = read_class == ReadClass::kDemand ? Tier::kCommitted : Tier::kComputed;
    for (Tier tier = Tier::kComputed; candidates_.empty() && tier <= last;
         tier = static_cast<Tier>(static_cast<uint8_t>(tier) + 1))
      Gather(tier);
  }
  const std::optional<size_t> victim = options_.policy(candidates_, moment());
  if (!victim) return false;
  if (read_class == ReadClass::kSpeculative && !IsWorthRoom(expert, candidates_[*victim])) return false;
  const size_t evicted = candidate_experts_[*victim];
  candidates_[*victim] = candidates_.back();
  candidates_.pop_back();
  candidate_experts_[*victim] = candidate_experts_.back();
  candidate_experts_.pop_back();
  Expert& gone = experts_[evicted];
  gone.state = State::kAbsent;
  if (read_class == ReadClass::kSpeculative) {
    Displace(expert, evicted);
  } else if (gone.is_guess && !experts_[expert].is_regretted) {
    SettleGuess(&gone);
  }
  gone.is_guess = gone.has_displaced = false;
  used_bytes_ -= bytes(evicted);
  ++num_evictions_;
  std::erase(residents_, evicted);
  return true;
}

}  // namespace foregate
