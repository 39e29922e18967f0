#include "engine/moe/expert_cache.h"

#include <algorithm>
#include <string>

#include "engine/moe/left_behind.h"
#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

void Count(std::atomic<uint64_t>& counter, uint64_t n = 1) { counter.fetch_add(n, std::memory_order_relaxed); }

}  // namespace

ExpertLease::~ExpertLease() {
  if (cache_ == nullptr) return;
  ExpertCache::Slot& slot = cache_->slots_[slot_];
  if (--slot.num_leases > 0) return;
  cache_->board_.ShowLeased(slot_, false);
  cache_->VacateIfFailed(slot_);
}

bool ExpertLease::has_ended() const { return !cache_->slots_[slot_].is_pending(); }

absl::Status ExpertLease::status() const {
  const ExpertCache::Slot& slot = cache_->slots_[slot_];
  return slot.has_failed() ? slot.fetch->error : absl::OkStatus();
}

ExpertWeights ExpertLease::weights() const {
  FOREGATE_CHECK(cache_ != nullptr);
  return cache_->WeightsIn(cache_->slots_[slot_]);
}

ExpertWeights ExpertCache::WeightsIn(const Slot& slot) const {
  return directory_.layout(slot.expert).Weights(slot.fetch->destination, directory_.key(slot.expert).expert);
}

absl::StatusOr<std::unique_ptr<ExpertCache>> ExpertCache::Create(const ExpertDirectory& directory, const SlotPlan& plan,
                                                                 ExpertStore* store, EvictionPolicy policy,
                                                                 Device& device) {
  for (const SlotClass& slots : plan.classes) {
    if (slots.num_slots == 0) return absl::InvalidArgumentError("expert cache: no slots");
  }
  if (plan.num_slots() < directory.size() && store == nullptr)
    return absl::InvalidArgumentError("expert cache: " + std::to_string(plan.num_slots()) + " slots for " +
                                      std::to_string(directory.size()) + " experts need a store");
  std::unique_ptr<ExpertCache> cache(new ExpertCache(directory, plan, store, policy));
  FOREGATE_RETURN_IF_ERROR(cache->AllocateSlots(plan, device));
  return cache;
}

ExpertCache::ExpertCache(const ExpertDirectory& directory, const SlotPlan& plan, ExpertStore* store,
                         EvictionPolicy policy)
    : directory_(directory),
      store_(store),
      policy_(policy),
      class_of_(plan.class_of),
      slot_of_expert_(directory.size(), kNone),
      classes_(plan.classes),
      layer_weights_(directory.layers().size()),
      usage_(static_cast<int32_t>(directory.layers().size()), directory.num_experts()),
      board_(directory.layers().size(), static_cast<size_t>(directory.num_experts())),
      is_wanted_(static_cast<size_t>(directory.num_experts())),
      lost_to_(directory.size(), kNone) {
  for (size_t i = 0; i < directory.size(); ++i) board_.layer_of(i).expert_bytes = directory.layout(i).block_bytes();
}

absl::Status ExpertCache::AllocateSlots(const SlotPlan& plan, Device& device) {
  slots_.resize(plan.num_slots());
  can_resize_ = store_ != nullptr && SharesHostMemory(device);
  size_ = plan.num_bytes();
  counters_.memory_bytes = size_;
  size_t next = 0;
  for (const SlotClass& slots : plan.classes) {
    retired_slots_.emplace_back().reserve(slots.num_slots);
    FOREGATE_ASSIGN_OR_RETURN(BlockPool blocks,
                              BlockPool::Create(slots.num_slots, slots.block_bytes, MemorySpace::kDevice, device));
    first_slot_.push_back(next);
    std::vector<size_t>& free = free_slots_.emplace_back();
    for (size_t block = slots.num_slots; block-- > 0;) {
      slots_[next + block].fetch = std::make_unique<ExpertFetch>();
      slots_[next + block].fetch->destination = static_cast<std::byte*>(blocks.block(block));
      free.push_back(next + block);
    }
    num_usable_.push_back(slots.num_slots);
    next += slots.num_slots;
    blocks_.push_back(std::move(blocks));
  }
  first_slot_.push_back(next);
  std::vector<const ExpertFetch*> fetches;
  for (const Slot& slot : slots_) fetches.push_back(slot.fetch.get());
  board_.SetSlots(fetches);
  if (holds_all()) return absl::OkStatus();  // nothing is ever evicted
  candidates_.reserve(slots_.size() + 1);
  candidate_slots_.reserve(slots_.size());
  return absl::OkStatus();
}

ExpertCache::~ExpertCache() {
  if (store_ == nullptr || store_->Stop()) return;
  LeaveBehind(
      std::make_shared<std::pair<std::vector<Slot>, std::vector<BlockPool>>>(std::move(slots_), std::move(blocks_)));
}

uint64_t ExpertCache::slot_bytes() const {
  uint64_t sum = 0;
  for (const BlockPool& blocks : blocks_) sum += uint64_t{blocks.num_blocks()} * blocks.block_bytes();
  return sum;
}

std::vector<std::span<std::byte>> ExpertCache::slot_memory() const {
  std::vector<std::span<std::byte>> memory;
  for (const BlockPool& blocks : blocks_) {
    const std::vector<std::span<std::byte>> pieces = blocks.pieces();
    memory.insert(memory.end(), pieces.begin(), pieces.end());
  }
  return memory;
}

absl::StatusOr<void*> ExpertCache::Place(ExpertKey key) {
  const size_t expert = directory_.index(key);
  FOREGATE_CHECK_EQ(slot_of_expert_[expert], kNone);
  std::vector<size_t>& free = free_slots_[class_of_[expert]];
  if (free.empty()) return absl::ResourceExhaustedError("expert cache: no free slot for " + ToString(key));
  const size_t slot = free.back();
  free.pop_back();
  slots_[slot].expert = expert;
  slot_of_expert_[expert] = slot;
  board_.ShowSlot(expert, slot);
  return slots_[slot].fetch->destination;
}

const std::vector<ExpertWeights>& ExpertCache::LayerWeights(int32_t layer) {
  const size_t first = directory_.index({layer, 0});
  std::vector<ExpertWeights>& weights = layer_weights_[static_cast<size_t>(directory_.layer_index({layer, 0}))];
  if (!weights.empty()) return weights;
  for (size_t expert = first; expert < first + static_cast<size_t>(directory_.num_experts()); ++expert) {
    FOREGATE_CHECK_NE(slot_of_expert_[expert], kNone);
    weights.push_back(WeightsIn(slots_[slot_of_expert_[expert]]));
  }
  return weights;
}

void ExpertCache::Visit(int32_t layer, size_t num_rows, std::span<const int32_t> experts) {
  const size_t first = directory_.index({layer, 0});
  running_layer_ = directory_.layer_index({layer, 0});
  usage_.Visit(running_layer_, num_rows, experts);
  // What was foreseen for this run is known now.
  std::fill(is_wanted_.begin(), is_wanted_.end(), 0);
  for (const int32_t expert : experts) is_wanted_[static_cast<size_t>(expert)] = 1;
  for (size_t i = 0; i < is_wanted_.size(); ++i) {
    if (slot_of_expert_[first + i] == kNone || VacateIfFailed(slot_of_expert_[first + i])) continue;
    Slot& slot = slots_[slot_of_expert_[first + i]];
    slot.hint = 0;
    if (!std::exchange(slot.is_guess, false)) continue;
    slot.is_vain = is_wanted_[i] == 0;
    Count(slot.is_vain ? counters_.guess_wasted_bytes : counters_.guess_used_bytes,
          directory_.layout(first + i).block_bytes());
  }
}

size_t ExpertCache::Vacate(size_t slot) {
  const size_t expert = slots_[slot].expert;
  // A guess in the place of another one that was in vain stands for the same loss.
  const size_t loss = slots_[slot].is_guess || slots_[slot].is_vain ? slots_[slot].displaced : expert;
  slot_of_expert_[expert] = kNone;
  board_.ShowNoSlot(expert);
  slots_[slot].expert = kNone;
  slots_[slot].hint = 0;
  slots_[slot].is_prefetched = false;
  slots_[slot].is_vain = false;
  slots_[slot].displaced = kNone;
  if (std::exchange(slots_[slot].is_guess, false))
    Count(counters_.guess_wasted_bytes, directory_.layout(expert).block_bytes());
  free_slots_[class_of_[expert]].push_back(slot);
  return loss;
}

bool ExpertCache::VacateIfFailed(size_t slot) {
  const Slot& of = slots_[slot];
  if (of.expert == kNone || of.num_leases > 0 || !of.has_failed()) return false;
  Vacate(slot);
  return true;
}

size_t ExpertCache::FindCandidates(size_t slot_class) {
  size_t num_pending = 0;
  candidates_.clear();
  candidate_slots_.clear();
  for (size_t slot = first_slot_[slot_class]; slot < first_slot_[slot_class + 1]; ++slot) {
    const Slot& of = slots_[slot];
    if (of.expert != kNone && of.is_pending()) ++num_pending;
    if (VacateIfFailed(slot)) continue;
    if (of.expert == kNone || of.num_leases > 0 || of.is_pending()) continue;
    const ExpertKey key = directory_.key(of.expert);
    const int32_t layer_index = directory_.layer_index(key);
    candidates_.push_back({.key = key,
                           .layer_index = layer_index,
                           .bytes = directory_.layout(of.expert).block_bytes(),
                           .last_use = of.last_use,
                           .share = usage_.share(layer_index, key.expert),
                           .probability = of.is_vain ? 0 : usage_.probability(layer_index, key.expert),
                           .hint = of.hint});
    candidate_slots_.push_back(slot);
  }
  return num_pending;
}

std::optional<size_t> ExpertCache::CancelOne(size_t slot_class) {
  for (const FetchClass urgency : {FetchClass::kSpeculative, FetchClass::kDemand}) {
    for (size_t slot = first_slot_[slot_class]; slot < first_slot_[slot_class + 1]; ++slot) {
      Slot& of = slots_[slot];
      if (of.expert == kNone || of.num_leases > 0 || of.fetch->urgency != urgency) continue;
      if (of.is_pending() && store_->Cancel(*of.fetch)) return Vacate(slot);
    }
  }
  return std::nullopt;
}

std::optional<size_t> ExpertCache::EvictOne(size_t slot_class) {
  const std::optional<size_t> victim = policy_(
      candidates_, {.layer_index = running_layer_, .num_layers = static_cast<int32_t>(directory_.layers().size())});
  if (!victim) return CancelOne(slot_class);
  if (*victim == candidate_slots_.size()) return std::nullopt;  // the newcomer
  const size_t slot = candidate_slots_[*victim];
  Count(board_.layer_of(slots_[slot].expert).num_evictions);
  return Vacate(slot);
}

size_t ExpertCache::TakeSlot(size_t expert, FetchClass urgency, float hint) {
  const size_t slot_class = class_of_[expert];
  std::vector<size_t>& free = free_slots_[slot_class];
  const bool is_silent = is_stalled();
  if (is_silent && hint > 0) return kNone;
  std::optional<size_t> loss;
  const size_t num_pending = free.empty() ? FindCandidates(slot_class) : 0;
  if (free.empty()) {
    const ExpertKey key = directory_.key(expert);
    const int32_t layer_index = directory_.layer_index(key);
    if (hint > 0)
      candidates_.push_back({.key = key,
                             .layer_index = layer_index,
                             .bytes = directory_.layout(expert).block_bytes(),
                             .last_use = num_acquired_,
                             .share = usage_.share(layer_index, key.expert),
                             .probability = hint,
                             .hint = hint});
    if (is_silent) {
      loss = CancelOne(slot_class);
      const size_t most_pending = std::max<size_t>(2, num_usable_[slot_class] / 4);
      if (!loss && num_pending >= most_pending) return kNone;
    }
    if (!loss) loss = EvictOne(slot_class);
    if (!loss) return kNone;
  }
  const size_t slot = free.back();
  free.pop_back();
  if (urgency == FetchClass::kSpeculative && loss.value_or(kNone) != kNone) {
    slots_[slot].displaced = *loss;
    lost_to_[*loss] = slot;
  }
  return slot;
}

absl::StatusOr<size_t> ExpertCache::Load(size_t expert, FetchClass urgency, float hint, Stream& stream) {
  FOREGATE_CHECK(store_ != nullptr);
  const size_t slot = TakeSlot(expert, urgency, hint);
  if (slot == kNone) return kNone;
  Slot& taken = slots_[slot];
  taken.fetch->expert = expert;
  taken.fetch->urgency = urgency;
  taken.expert = expert;
  if (taken.is_hollow) CountPages(slot);
  taken.hint = hint;
  taken.is_guess = urgency == FetchClass::kSpeculative;
  taken.is_overdue = false;
  slot_of_expert_[expert] = slot;
  if (absl::Status begun = store_->Begin(*taken.fetch, stream); !begun.ok()) {
    Vacate(slot);
    return begun;
  }
  board_.ShowSlot(expert, slot);
  return slot;
}

absl::StatusOr<ExpertLease> ExpertCache::Acquire(ExpertKey key, Stream& stream) {
  const size_t expert = directory_.index(key);
  size_t slot = slot_of_expert_[expert];
  if (slot != kNone && VacateIfFailed(slot)) slot = kNone;  // the demand tries for itself
  if (slot == kNone) {
    running_layer_ = directory_.layer_index(key);
    const bool is_regret = lost_to_[expert] != kNone && slots_[lost_to_[expert]].displaced == expert;
    FOREGATE_ASSIGN_OR_RETURN(slot, Load(expert, FetchClass::kDemand, 0, stream));
    if (slot == kNone) return absl::ResourceExhaustedError("expert cache: every slot is leased or being filled");
    lost_to_[expert] = kNone;
    const uint64_t bytes = directory_.layout(expert).block_bytes();
    Count(counters_.num_misses);
    Count(board_.layer_of(expert).num_misses);
    Count(counters_.demand_bytes, bytes);
    if (is_regret) Count(counters_.guess_regretted_bytes, bytes);
  } else if (slots_[slot].is_pending()) {
    store_->Raise(*slots_[slot].fetch, FetchClass::kDemand);
    Count(counters_.num_late);
    Count(board_.layer_of(expert).num_late);
  } else {
    Count(counters_.num_hits);
    Count(board_.layer_of(expert).num_hits);
  }
  Slot& leased = slots_[slot];
  if (std::exchange(leased.is_prefetched, false)) Count(counters_.num_prefetched_used);
  leased.is_vain = false;
  leased.displaced = kNone;
  if (++leased.num_leases == 1) board_.ShowLeased(slot, true);
  leased.last_use = ++num_acquired_;
  return ExpertLease(this, slot);
}

void ExpertCache::Foresee(ExpertKey key, float probability) {
  const size_t slot = slot_of_expert_[directory_.index(key)];
  if (slot != kNone) slots_[slot].hint = std::max(slots_[slot].hint, probability);
}

absl::StatusOr<bool> ExpertCache::Prefetch(ExpertKey key, FetchClass urgency, float probability, Stream& stream) {
  const size_t expert = directory_.index(key);
  const size_t slot = slot_of_expert_[expert];
  if (slot != kNone && !VacateIfFailed(slot)) {
    store_->Raise(*slots_[slot].fetch, urgency);
    return true;
  }
  FOREGATE_ASSIGN_OR_RETURN(const size_t taken, Load(expert, urgency, std::max(probability, 1e-6f), stream));
  if (taken == kNone) return false;
  slots_[taken].is_prefetched = true;
  Count(counters_.num_prefetched);
  return true;
}

absl::Status ExpertCache::WaitForArrival(uint64_t seen, std::chrono::steady_clock::time_point deadline) {
  const auto began = std::chrono::steady_clock::now();
  const absl::Status ended = store_->WaitForEnd(seen, deadline);
  const auto waited = std::chrono::steady_clock::now() - began;
  Count(counters_.stall_us,
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
  return ended;
}

void ExpertCache::MarkOverdue(ExpertKey key) {
  const size_t slot = slot_of_expert_[directory_.index(key)];
  if (slot != kNone) slots_[slot].is_overdue = true;
}

bool ExpertCache::is_overdue(ExpertKey key) const {
  const size_t expert = directory_.index(key);
  const auto is_late = [](const Slot& slot) { return slot.is_overdue && slot.is_pending(); };
  if (slot_of_expert_[expert] != kNone) return is_late(slots_[slot_of_expert_[expert]]);
  const auto first = slots_.begin() + static_cast<std::ptrdiff_t>(first_slot_[class_of_[expert]]);
  const auto end = slots_.begin() + static_cast<std::ptrdiff_t>(first_slot_[class_of_[expert] + 1]);
  return std::all_of(first, end, [&](const Slot& slot) { return slot.expert == kNone || is_late(slot); });
}

CachePrefetchBytes ExpertCache::prefetch_bytes() const {
  return {.demand = counters_.demand_bytes,
          .used = counters_.guess_used_bytes,
          .wasted = counters_.guess_wasted_bytes,
          .regretted = counters_.guess_regretted_bytes,
          .stall_us = counters_.stall_us};
}

ExpertState ExpertCache::state(ExpertKey key) const {
  const size_t slot = slot_of_expert_[directory_.index(key)];
  if (slot == kNone) return ExpertState::kAbsent;
  if (slots_[slot].is_pending()) return ExpertState::kLoading;
  if (slots_[slot].has_failed()) return ExpertState::kAbsent;
  return slots_[slot].num_leases > 0 ? ExpertState::kPinned : ExpertState::kResident;
}

}  // namespace foregate
