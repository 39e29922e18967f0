// ExpertCache: the slots of device memory in which experts are computed, and who may use them.
//
//   state     meaning                                     leaves it by
//   Absent    in no slot                                  Acquire (a copy is enqueued) -> Loading; Place -> Resident
//   Loading   its copy is enqueued, not yet run; leased   the copy runs -> Pinned, or Resident when no longer leased
//             or not, it may be used by work enqueued
//             behind the copy on the same stream
//   Resident  in a slot, not leased                       Acquire -> Pinned; another expert's Acquire -> Absent
//   Pinned    in a slot, leased; never evicted            last lease returned -> Resident
//
// Copies run on the stream of the computation that asked. Therefore a lease may be returned as soon as its work is
// enqueued (a later copy into the slot runs behind it), and a Loading expert that is not leased may be evicted.
// With a slot for every expert, each is placed once while the model loads and Acquire never copies.
//
// Thread-compatible: the engine thread. One thread takes all leases, ascending by expert inside one layer and returned
// before the next wave, so two waits can never hold what the other needs.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_
#define FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/block_pool.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_key.h"
#include "engine/moe/expert_store.h"
#include "kernels/api/kernels.h"

namespace foregate {

enum class ExpertState : uint8_t { kAbsent, kLoading, kResident, kPinned };

class ExpertCache;

// Keeps one expert in its slot while it lives. Movable; must not outlive the cache.
class ExpertLease {
 public:
  ExpertLease() = default;
  ExpertLease(ExpertLease&& other) noexcept { *this = std::move(other); }
  ExpertLease& operator=(ExpertLease&& other) noexcept {
    std::swap(cache_, other.cache_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~ExpertLease();

  // The matrices in device memory.
  ExpertWeights weights() const;

 private:
  friend class ExpertCache;
  ExpertLease(ExpertCache* cache, size_t slot) : cache_(cache), slot_(slot) {}
  ExpertCache* cache_ = nullptr;
  size_t slot_ = 0;
};

class ExpertCache {
 public:
  // `directory`, `device` and `store` must outlive the cache. `store` may be null when there is a slot for every
  // expert. INVALID_ARGUMENT for no slot at all or for missing slots without a store.
  static absl::StatusOr<std::unique_ptr<ExpertCache>> Create(const ExpertDirectory& directory, size_t num_slots,
                                                             const ExpertStore* store, EvictionPolicy policy,
                                                             Device& device);

  // Gives `key` a free slot for good order at load time; the caller copies the expert's block to the address returned
  // (device memory) before any work that uses it is enqueued. RESOURCE_EXHAUSTED when no slot is free.
  absl::StatusOr<void*> Place(ExpertKey key);

  // Makes the expert usable by work enqueued on `stream` from now on, copying it from the store when it is absent.
  // RESOURCE_EXHAUSTED when every slot is leased; the error of the device when the copy cannot be enqueued.
  absl::StatusOr<ExpertLease> Acquire(ExpertKey key, Stream& stream);

  ExpertState state(ExpertKey key) const;
  size_t num_slots() const { return slots_.size(); }
  // Every expert has a slot: nothing is ever evicted.
  bool holds_all() const { return slots_.size() >= directory_.size(); }
  uint64_t num_copies() const { return num_copies_; }

 private:
  friend class ExpertLease;
  static constexpr size_t kNone = static_cast<size_t>(-1);
  struct Slot {
    size_t expert = kNone;  // directory index
    uint32_t num_leases = 0;
    uint64_t last_use = 0;
    std::unique_ptr<Event> copied;  // null when the expert was placed
  };

  ExpertCache(const ExpertDirectory& directory, const ExpertStore* store, EvictionPolicy policy, Device& device,
              BlockPool blocks);
  // A slot for `expert` that is free or whose expert may be evicted.
  absl::StatusOr<size_t> TakeSlot(size_t expert);
  int32_t LayerIndex(size_t expert) const;
  absl::StatusOr<size_t> Load(size_t expert, Stream& stream);

  const ExpertDirectory& directory_;
  const ExpertStore* const store_;
  const EvictionPolicy policy_;
  Device& device_;
  BlockPool blocks_;
  std::vector<Slot> slots_;
  std::vector<size_t> slot_of_expert_;
  std::vector<size_t> free_slots_;
  std::vector<EvictionCandidate> candidates_;  // of one eviction; kept, so that none allocates
  std::vector<size_t> candidate_slots_;
  uint64_t num_acquired_ = 0;
  uint64_t num_copies_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_
