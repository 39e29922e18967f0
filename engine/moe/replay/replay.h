// Replay: a routing trace against a cache of given bytes, in virtual time, without a model.
//
// Demand only: an expert is read when its layer wants it. A layer computes its resident experts first while the others
// are read one after the other, each computed when it has arrived. An expert that was read stays until the policy
// evicts it; what the running layer wants is evicted only when nothing else is left, and only after it was computed (a
// wave). The cache starts empty. Deterministic; thread-safe.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/replay/replay_trace.h"

namespace foregate {

// Layers are reported in so many groups at most.
inline constexpr size_t kMaxReplayGroups = 8;

struct ReplayOptions {
  EvictionPolicy policy = EvictFarthestExpectedUse;
  uint64_t memory_bytes = 0;
  double bytes_per_second = 0;  // of the disk; 0: reading takes no time
  double request_seconds = 0;   // that a read costs beside its bytes
  double expert_seconds = 0;    // to compute one expert
};

struct ReplayCounts {
  uint64_t num_wanted = 0;  // experts of visits, each once however many rows chose it
  uint64_t num_hits = 0;    // those that were resident
  uint64_t bytes_wanted = 0;
  uint64_t bytes_read = 0;

  // By bytes: what need not be read. 0 when nothing was wanted.
  double hit_rate() const;
  void Add(const ReplayCounts& other);
};

struct ReplayResult {
  ReplayCounts total;
  std::vector<ReplayCounts> groups;  // of consecutive layers, as equal as can be
  uint64_t num_first_reads = 0;      // misses that no cache avoids: the expert was never wanted before
  uint64_t num_evictions = 0;
  double compute_seconds = 0;
  double stall_seconds = 0;           // waiting with nothing to compute, resident experts first
  double blocking_stall_seconds = 0;  // waiting when every layer reads first and then computes
};

// INVALID_ARGUMENT when the memory does not hold two of the largest expert.
absl::StatusOr<ReplayResult> Replay(const ReplayTrace& trace, const ReplayOptions& options);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_
