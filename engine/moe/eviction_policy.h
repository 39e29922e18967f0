// EvictionPolicy: which resident expert gives up its slot. Pure: a function of the candidates alone.
#ifndef FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_
#define FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/moe/expert_key.h"

namespace foregate {

// An expert that could be evicted: resident and not leased.
struct EvictionCandidate {
  ExpertKey key;
  uint64_t last_use = 0;  // the cache's count of acquisitions when it was last acquired
};

// The index of the victim, or nothing when there is no candidate.
using EvictionPolicy = std::optional<size_t> (*)(std::span<const EvictionCandidate> candidates);

// Least recently used; ties fall to the smaller key.
std::optional<size_t> EvictLeastRecentlyUsed(std::span<const EvictionCandidate> candidates);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EVICTION_POLICY_H_
