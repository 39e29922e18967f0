#include "engine/moe/expert_cache.h"

#include <string>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {

ExpertLease::~ExpertLease() {
  if (cache_ != nullptr) --cache_->slots_[slot_].num_leases;
}

ExpertWeights ExpertLease::weights() const {
  FOREGATE_CHECK(cache_ != nullptr);
  const size_t expert = cache_->slots_[slot_].expert;
  return cache_->directory_.layout(expert).Weights(cache_->blocks_.block(slot_), cache_->directory_.key(expert).expert);
}

absl::StatusOr<std::unique_ptr<ExpertCache>> ExpertCache::Create(const ExpertDirectory& directory, size_t num_slots,
                                                                 const ExpertStore* store, EvictionPolicy policy,
                                                                 Device& device) {
  if (num_slots == 0) return absl::InvalidArgumentError("expert cache: 0 slots, want at least 1");
  if (num_slots < directory.size() && store == nullptr)
    return absl::InvalidArgumentError("expert cache: " + std::to_string(num_slots) + " slots for " +
                                      std::to_string(directory.size()) + " experts need a store");
  FOREGATE_ASSIGN_OR_RETURN(BlockPool blocks,
                            BlockPool::Create(num_slots, directory.max_block_bytes(), MemorySpace::kDevice, device));
  return std::unique_ptr<ExpertCache>(new ExpertCache(directory, store, policy, device, std::move(blocks)));
}

ExpertCache::ExpertCache(const ExpertDirectory& directory, const ExpertStore* store, EvictionPolicy policy,
                         Device& device, BlockPool blocks)
    : directory_(directory), store_(store), policy_(policy), device_(device), blocks_(std::move(blocks)) {
  slots_.resize(blocks_.num_blocks());
  slot_of_expert_.assign(directory_.size(), kNone);
  for (size_t slot = slots_.size(); slot-- > 0;) free_slots_.push_back(slot);
  if (holds_all()) return;  // nothing is ever evicted
  candidates_.reserve(slots_.size());
  candidate_slots_.reserve(slots_.size());
}

int32_t ExpertCache::LayerIndex(size_t expert) const {
  return static_cast<int32_t>(expert / static_cast<size_t>(directory_.num_experts()));
}

absl::StatusOr<void*> ExpertCache::Place(ExpertKey key) {
  const size_t expert = directory_.index(key);
  FOREGATE_CHECK_EQ(slot_of_expert_[expert], kNone);
  if (free_slots_.empty()) return absl::ResourceExhaustedError("expert cache: no free slot for " + ToString(key));
  const size_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].expert = expert;
  slot_of_expert_[expert] = slot;
  return blocks_.block(slot);
}

absl::StatusOr<size_t> ExpertCache::TakeSlot(size_t expert) {
  if (!free_slots_.empty()) {
    const size_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  candidates_.clear();
  candidate_slots_.clear();
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].num_leases > 0) continue;
    const size_t resident = slots_[slot].expert;
    candidates_.push_back({.key = directory_.key(resident),
                           .layer_index = LayerIndex(resident),
                           .bytes = directory_.layout(resident).block_bytes(),
                           .last_use = slots_[slot].last_use});
    candidate_slots_.push_back(slot);
  }
  const std::optional<size_t> victim = policy_(
      candidates_, {.layer_index = LayerIndex(expert), .num_layers = static_cast<int32_t>(directory_.layers().size())});
  if (!victim)
    return absl::ResourceExhaustedError("expert cache: all " + std::to_string(slots_.size()) + " slots are leased");
  const size_t slot = candidate_slots_[*victim];
  slot_of_expert_[slots_[slot].expert] = kNone;
  slots_[slot] = Slot{};
  return slot;
}

absl::StatusOr<size_t> ExpertCache::Load(size_t expert, Stream& stream) {
  FOREGATE_CHECK(store_ != nullptr);
  FOREGATE_ASSIGN_OR_RETURN(const size_t slot, TakeSlot(expert));
  // Bytes as i32: a block is a multiple of 64.
  const auto num_words = static_cast<int64_t>(directory_.layout(expert).block_bytes() / sizeof(int32_t));
  const TensorView source(store_->block(directory_.key(expert)), DType::kI32, {num_words});
  const TensorView destination(blocks_.block(slot), DType::kI32, {num_words});
  if (absl::Status copied = device_.CopyAsync(source, destination, stream); !copied.ok()) {
    free_slots_.push_back(slot);
    return copied;
  }
  ++num_copies_;
  slots_[slot].expert = expert;
  slots_[slot].copied = device_.Record(stream);
  slot_of_expert_[expert] = slot;
  return slot;
}

absl::StatusOr<ExpertLease> ExpertCache::Acquire(ExpertKey key, Stream& stream) {
  const size_t expert = directory_.index(key);
  size_t slot = slot_of_expert_[expert];
  if (slot == kNone) {
    FOREGATE_ASSIGN_OR_RETURN(slot, Load(expert, stream));
  }
  ++slots_[slot].num_leases;
  slots_[slot].last_use = ++num_acquired_;
  return ExpertLease(this, slot);
}

ExpertState ExpertCache::state(ExpertKey key) const {
  const size_t slot = slot_of_expert_[directory_.index(key)];
  if (slot == kNone) return ExpertState::kAbsent;
  if (slots_[slot].copied != nullptr && !slots_[slot].copied->Ready()) return ExpertState::kLoading;
  return slots_[slot].num_leases > 0 ? ExpertState::kPinned : ExpertState::kResident;
}

}  // namespace foregate
