#include "engine/moe/eviction_policy.h"

#include <algorithm>
#include <string>

namespace foregate {
namespace {

// The candidate with the largest score.
template <typename Score>
std::optional<size_t> Farthest(std::span<const EvictionCandidate> candidates, const Score& score) {
  std::optional<size_t> victim;
  decltype(score(candidates[0])) farthest{};
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto here = score(candidates[i]);
    if (victim && (here < farthest || (here == farthest && candidates[*victim].key < candidates[i].key))) continue;
    victim = i;
    farthest = here;
  }
  return victim;
}

// Room per time that reading the expert again takes. Expected waits weigh with it, since what keeping saves grows with
// the time, and what keeping costs with the room.
double RoomPerTime(const EvictionCandidate& candidate, const EvictionMoment& moment) {
  const auto bytes = static_cast<double>(candidate.bytes);
  return moment.request_bytes == 0 ? 1 : bytes / (bytes + static_cast<double>(moment.request_bytes));
}

}  // namespace

std::optional<size_t> EvictLeastRecentlyUsed(std::span<const EvictionCandidate> candidates,
                                             const EvictionMoment& /*moment*/) {
  return Farthest(candidates, [](const EvictionCandidate& candidate) { return ~candidate.last_use; });
}

std::optional<size_t> EvictLeastFrequentlyUsed(std::span<const EvictionCandidate> candidates,
                                               const EvictionMoment& moment) {
  constexpr double kLeast = 1e-9;
  return Farthest(candidates, [&](const EvictionCandidate& candidate) {
    return RoomPerTime(candidate, moment) / (candidate.share + kLeast);
  });
}

double ExpectedLayersToUse(const EvictionCandidate& candidate, const EvictionMoment& moment) {
  constexpr float kLeast = 1e-6f;
  const int32_t ahead = candidate.layer_index - moment.layer_index;
  const int32_t layers_to_run = ahead > 0 ? ahead : ahead + moment.num_layers;
  const float probability = std::clamp(std::max(candidate.probability, candidate.hint), kLeast, 1.0f);
  return layers_to_run + moment.num_layers * (1.0 / probability - 1);
}

std::optional<size_t> EvictFarthestExpectedUse(std::span<const EvictionCandidate> candidates,
                                               const EvictionMoment& moment) {
  return Farthest(candidates, [&](const EvictionCandidate& candidate) {
    return ExpectedLayersToUse(candidate, moment) * RoomPerTime(candidate, moment);
  });
}

std::optional<size_t> EvictFarthestUse(std::span<const EvictionCandidate> candidates,
                                       const EvictionMoment& /*moment*/) {
  return Farthest(candidates, [](const EvictionCandidate& candidate) { return candidate.next_use; });
}

std::span<const NamedEvictionPolicy> EvictionPolicies() {
  static constexpr NamedEvictionPolicy kPolicies[] = {
      {"lru", EvictLeastRecentlyUsed}, {"lfu", EvictLeastFrequentlyUsed}, {"expected", EvictFarthestExpectedUse}};
  return kPolicies;
}

absl::StatusOr<EvictionPolicy> ParseExpertEviction(std::string_view name) {
  for (const NamedEvictionPolicy& named : EvictionPolicies()) {
    if (named.name == name) return named.policy;
  }
  return absl::InvalidArgumentError("expert_eviction is lru, lfu or expected, not " + std::string(name));
}

}  // namespace foregate
