#include "engine/moe/eviction_policy.h"

#include <tuple>

namespace foregate {

std::optional<size_t> EvictLeastRecentlyUsed(std::span<const EvictionCandidate> candidates) {
  std::optional<size_t> victim;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const EvictionCandidate& candidate = candidates[i];
    if (!victim ||
        std::tie(candidate.last_use, candidate.key) < std::tie(candidates[*victim].last_use, candidates[*victim].key))
      victim = i;
  }
  return victim;
}

}  // namespace foregate
