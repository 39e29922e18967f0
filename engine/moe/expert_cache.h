// ExpertCache: the slots of fast memory in which experts are computed, and who may use them.
//
//   state     meaning                                       leaves it by
//   Absent    in no slot                                    Acquire, Prefetch -> Loading; Place -> Resident
//   Loading   has a slot; the store is bringing it          it arrives -> Pinned, or Resident when not leased; it fails
//             -> Absent, its slot free once not leased; a speculative one that had not begun -> Absent
//   Resident  in a slot, whole, not leased                  Acquire -> Pinned; another expert's slot -> Absent
//   Pinned    in a slot, whole, leased; never evicted       last lease returned -> Resident
//
// A lease is taken at once and keeps the slot; its expert may be used once it has arrived. Leases are returned when
// their work is enqueued: what overwrites the slot later is ordered behind it (a copy by the stream; a store that
// writes from the host serves only devices that run work as it is enqueued). One thread takes all leases, and what is
// fetched ends whatever is leased, so no two waits hold what the other needs.
//
// Resize gives slots' memory back to the system, and takes it again: a slot is usable or retired, whatever it held is
// Absent then, and a retired one has no pages.
//
// With a slot for every expert, each is placed once while the model loads and Acquire never fetches.
// Thread-compatible: the engine thread. Nothing allocates after Create but LayerWeights, once for each layer, and
// Resize, a few words when it is given another size.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_
#define FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/block_pool.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_board.h"
#include "engine/moe/expert_cache_counters.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_key.h"
#include "engine/moe/expert_store.h"
#include "engine/moe/expert_usage.h"
#include "engine/moe/slot_plan.h"
#include "kernels/api/kernels.h"

namespace foregate {

// Sums of ExpertCacheCounters that the governor compares.
struct CachePrefetchBytes {
  uint64_t demand = 0;
  uint64_t used = 0;
  uint64_t wasted = 0;
  uint64_t regretted = 0;
  uint64_t stall_us = 0;
};

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

  // Work enqueued from now on may use the expert; or it has failed.
  bool has_ended() const;
  // Of a fetch that has ended: UNAVAILABLE or DATA_LOSS when it failed.
  absl::Status status() const;
  // The matrices in device memory, of an expert that has arrived.
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
  // expert. INVALID_ARGUMENT for a class without slots or for missing slots without a store.
  static absl::StatusOr<std::unique_ptr<ExpertCache>> Create(const ExpertDirectory& directory, const SlotPlan& plan,
                                                             ExpertStore* store, EvictionPolicy policy, Device& device);
  // Stops the store; what a stalled disk may still write to is left behind (left_behind.h).
  ~ExpertCache();

  // Gives `key` a free slot for good order at load time; the caller copies the expert's block to the address returned
  // (device memory) before any work that uses it is enqueued. RESOURCE_EXHAUSTED when no slot is free.
  absl::StatusOr<void*> Place(ExpertKey key);

  // All experts of a layer, ascending, when the cache holds all: they stay where they are, so no lease is needed.
  const std::vector<ExpertWeights>& LayerWeights(int32_t layer);

  // The rows of a step chose `experts` ([rows, top_k]) in a layer. Once per layer and step, before its experts are
  // acquired: evictions weigh it.
  void Visit(int32_t layer, size_t num_rows, std::span<const int32_t> experts);
  // A lease; the fetch of an absent expert begins, as a demand. RESOURCE_EXHAUSTED when every slot is leased or being
  // filled; the error of the device when a copy cannot be enqueued.
  absl::StatusOr<ExpertLease> Acquire(ExpertKey key, Stream& stream);
  // The next run of its layer wants the expert with `probability`: when it is in a slot, evictions weigh it until then.
  // Said of all before any of them is prefetched, or one would make room for another.
  void Foresee(ExpertKey key, float probability);
  // Begins to fetch an absent expert that is wanted with `probability`, when there is a slot that is worth less to the
  // policy. Returns whether it is in a slot now.
  absl::StatusOr<bool> Prefetch(ExpertKey key, FetchClass urgency, float probability, Stream& stream);
  // Whether the expert is in a slot, or on its way into one.
  bool has_slot(ExpertKey key) const { return state(key) != ExpertState::kAbsent; }

  // How many fetches have ended; WaitForArrival returns when more than `seen` have, or DEADLINE_EXCEEDED.
  uint64_t num_ended() const { return store_->num_ended(); }
  absl::Status WaitForArrival(uint64_t seen, std::chrono::steady_clock::time_point deadline);
  // A wait for more than `seen` ends was in vain: the store is stalled until a fetch ends. Meanwhile prefetches are
  // refused, and demands evict only while few slots of their class are being filled: what is resident goes on serving.
  void MarkStalled(uint64_t seen) { stalled_at_ = seen; }
  bool is_stalled() const { return store_ != nullptr && stalled_at_ == store_->num_ended(); }

  // The expert's fetch was waited for in vain, until it ends. The store may work all the same: one read hangs.
  void MarkOverdue(ExpertKey key);
  // Whether the expert's fetch is overdue, or, of one that has no slot, all that are to make room for it.
  bool is_overdue(ExpertKey key) const;

  // As many slots are usable from now on as fit into `num_bytes`, at least two of each class, at most all. What the
  // policy would evict goes first. False: more has to go, but is leased or being filled; call again.
  bool Resize(uint64_t num_bytes);

  ExpertState state(ExpertKey key) const;
  size_t num_slots() const { return slots_.size(); }
  uint64_t slot_bytes() const;
  uint64_t least_slot_bytes() const { return LeastSlotBytes(classes_); }
  // All memory that fetches write to.
  std::vector<std::span<std::byte>> slot_memory() const;
  // Every expert is placed: nothing is ever fetched or evicted.
  bool holds_all() const { return store_ == nullptr; }
  const ExpertCacheCounters& counters() const { return counters_; }
  const ExpertBoard& board() const { return board_; }
  CachePrefetchBytes prefetch_bytes() const;
  const ExpertUsage& usage() const { return usage_; }
  // For the counters' readers.
  void PublishGovernor(int32_t level) { counters_.guess_level.store(level, std::memory_order_relaxed); }

 private:
  friend class ExpertLease;
  static constexpr size_t kNone = static_cast<size_t>(-1);
  struct Slot {
    size_t expert = kNone;  // directory index
    uint32_t num_leases = 0;
    uint64_t last_use = 0;
    float hint = 0;                      // how likely its layer's next run was foreseen to want it
    bool is_prefetched = false;          // and not used yet
    bool is_guess = false;               // of which the layer has not routed yet
    bool is_vain = false;                // a guess that did not come true: the first to go
    bool is_overdue = false;             // its fetch was waited for in vain; of one that is pending
    bool is_hollow = false;              // retired, or not filled since: its pages are the system's
    size_t displaced = kNone;            // whose slot a guess took, until the guess is used or gone
    std::unique_ptr<ExpertFetch> fetch;  // where it is, for good; idle when the expert was placed

    bool is_pending() const { return fetch->state.load(std::memory_order_acquire) == FetchState::kPending; }
    bool has_failed() const { return fetch->state.load(std::memory_order_acquire) == FetchState::kFailed; }
  };

  ExpertCache(const ExpertDirectory& directory, const SlotPlan& plan, ExpertStore* store, EvictionPolicy policy);
  absl::Status AllocateSlots(const SlotPlan& plan, Device& device);
  ExpertWeights WeightsIn(const Slot& slot) const;
  // Frees the slot. The loss that it stands for: its expert, or the one that it took the place of as a guess, or kNone.
  size_t Vacate(size_t slot);
  // Of an expert that did not come; false while it is leased. Nobody is told when a fetch fails that nobody leases, so
  // whoever meets its slot asks.
  bool VacateIfFailed(size_t slot);
  // A slot of the expert's class that is free or whose expert may be evicted; kNone when there is none. With a hint
  // (of a prefetch), none as well when the policy would rather evict the newcomer.
  size_t TakeSlot(size_t expert, FetchClass urgency, float hint);
  // Fills candidates_; how many slots of the class are being filled. Those that failed are free then.
  size_t FindCandidates(size_t slot_class);
  // Gives up a guess that had not begun, or a demand that nobody waits for any more. As Vacate; nothing when there is
  // none.
  std::optional<size_t> CancelOne(size_t slot_class);
  // Gives up that of candidates_ which the policy names, or, without any, what CancelOne does. Nothing when the policy
  // names a newcomer behind those of candidate_slots_.
  std::optional<size_t> EvictOne(size_t slot_class);
  absl::StatusOr<size_t> Load(size_t expert, FetchClass urgency, float hint, Stream& stream);

  bool Retire(size_t slot_class);
  void Restore(size_t slot_class);
  // Of a hollow slot that is about to be filled.
  void CountPages(size_t slot);

  const ExpertDirectory& directory_;
  ExpertStore* const store_;
  const EvictionPolicy policy_;
  std::vector<BlockPool> blocks_;       // by class
  std::vector<size_t> class_of_;        // by directory index
  std::vector<size_t> first_slot_;      // by class; one more at the end
  std::vector<Slot> slots_;             // those of a class adjacent
  std::vector<size_t> slot_of_expert_;  // by directory index
  std::vector<SlotClass> classes_;
  std::vector<std::vector<size_t>> free_slots_;            // by class
  std::vector<std::vector<size_t>> retired_slots_;         // by class
  std::vector<size_t> num_usable_;                         // by class
  bool can_resize_ = false;                                // of memory that is the host's
  uint64_t size_ = 0;                                      // that Resize has reached; 0: none yet
  std::vector<std::vector<ExpertWeights>> layer_weights_;  // by layer index; filled when first asked for
  ExpertUsage usage_;
  ExpertCacheCounters counters_;
  ExpertBoard board_;
  std::vector<EvictionCandidate> candidates_;  // of one eviction; kept, so that none allocates
  std::vector<size_t> candidate_slots_;
  uint64_t num_acquired_ = 0;
  uint64_t stalled_at_ = kNone;     // fetches that had ended when a wait was in vain
  std::vector<uint8_t> is_wanted_;  // [experts of a layer], scratch of Visit
  std::vector<size_t> lost_to_;     // by directory index: the slot that a guess took from it last, or kNone
  int32_t running_layer_ = 0;       // the last that was visited or acquired from, by its index
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_CACHE_H_
