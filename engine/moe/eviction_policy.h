// EvictionPolicy: which resident expert gives up its place. Pure functions of plain data, so that the live cache and a
// replayed trace (engine/moe/replay) decide with the very same code. Nothing allocates; O(candidates).
//
// The default is EvictFarthestExpectedUse. Layers run in a cycle, one round per step, and least recently used evicts
// precisely the layer that comes next: with less room than one token's round it never hits at all.
#ifndef FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_
#define FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/moe/expert_key.h"

namespace foregate {

// An expert that could be evicted: resident and not leased.
struct EvictionCandidate {
  static constexpr uint64_t kNever = UINT64_MAX;

  ExpertKey key;
  int32_t layer_index = 0;     // of key.layer among the layers that route
  uint64_t bytes = 0;          // that its room is, and that reading it again costs
  uint64_t last_use = 0;       // the cache's count of acquisitions when it was last acquired
  float share = 0;             // ExpertUsage::share
  float probability = 0;       // ExpertUsage::probability
  float hint = 0;              // from the prefetcher, that the layer's next run wants it: 1 committed, less a guess
  uint64_t next_use = kNever;  // visits of the trace until it is used: only a replay knows
};

// Where the model is when room is needed.
struct EvictionMoment {
  int32_t layer_index = 0;  // the layer that needs it
  int32_t num_layers = 1;   // that route: one round of the cycle
  // What the disk would have read in the time that one request costs beside its bytes. With it, of two experts that are
  // wanted equally soon, the smaller one is kept: it costs more time per byte of room. 0: bytes of any expert are
  // equal.
  uint64_t request_bytes = 0;
};

// The index of the victim, or nothing when there is no candidate. One call frees one expert; ask again while the room
// does not suffice. Ties fall to the smaller key.
using EvictionPolicy = std::optional<size_t> (*)(std::span<const EvictionCandidate> candidates,
                                                 const EvictionMoment& moment);

// Least recently used. Knows no bytes: the yardstick.
std::optional<size_t> EvictLeastRecentlyUsed(std::span<const EvictionCandidate> candidates,
                                             const EvictionMoment& moment);
// Least frequently used, by `share`, which decays.
std::optional<size_t> EvictLeastFrequentlyUsed(std::span<const EvictionCandidate> candidates,
                                               const EvictionMoment& moment);
// Farthest expected next use, in layers.
std::optional<size_t> EvictFarthestExpectedUse(std::span<const EvictionCandidate> candidates,
                                               const EvictionMoment& moment);
// Farthest `next_use`: Belady's bound for experts of one size, a greedy stand-in where sizes differ.
std::optional<size_t> EvictFarthestUse(std::span<const EvictionCandidate> candidates, const EvictionMoment& moment);

// Layers until the candidate's is next run, 1 to num_layers, and num_layers more for each run that is expected to pass
// without it: (1 / p - 1) of them when each run wants it with probability p. A committed expert is used for certain.
double ExpectedLayersToUse(const EvictionCandidate& candidate, const EvictionMoment& moment);

struct NamedEvictionPolicy {
  std::string_view name;
  EvictionPolicy policy;
};
// "lru", "lfu", "expected": what a live cache can follow.
std::span<const NamedEvictionPolicy> EvictionPolicies();
// What engine.expert_eviction names. INVALID_ARGUMENT for a name that is none of them.
absl::StatusOr<EvictionPolicy> ParseExpertEviction(std::string_view name);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_
