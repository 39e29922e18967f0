// Replay: a routing trace against a cache of given bytes, in virtual time, without a model.
//
// A layer computes its resident experts first, while absent ones are read, each computed when it has arrived. With a
// source of prefetches, what is known of a layer ahead is read behind all demands (committed before guesses), by one
// disk with bounded bytes in flight (VirtualDisk); a read that has not begun when its layer did not want it is
// cancelled, one that has begun goes on. An expert that was read stays until it is evicted (ReplayMemory). The
// governor, when asked for, sets from step to step what may be guessed. The cache starts empty. Deterministic;
// thread-safe.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/prefetch_governor.h"
#include "engine/moe/replay/replay_prefetch.h"
#include "engine/moe/replay/replay_trace.h"
#include "engine/moe/replay/virtual_disk.h"

namespace foregate {

// Layers are reported in so many groups at most.
inline constexpr size_t kMaxReplayGroups = 8;

struct ReplayOptions {
  EvictionPolicy policy = EvictFarthestExpectedUse;
  uint64_t memory_bytes = 0;
  double bytes_per_second = 0;           // of the disk; 0: reading takes no time
  double request_seconds = 0;            // that a request costs beside its bytes
  double expert_seconds = 0;             // to compute one expert
  double layer_seconds = 0;              // of a layer before it routes
  uint64_t request_bytes = 0;            // the most of one request; 0: an expert is one request
  uint64_t in_flight_bytes = 0;          // the most that the disk holds and has not served; at least one request
  uint64_t guessed_in_flight_bytes = 0;  // of these, guesses; 0: as many as there may be
  PrefetchSource source = {};
  bool is_governed = false;  // else guesses of at least this probability are read
  float min_probability = 0.4f;
};

struct ReplayCounts {
  uint64_t num_wanted = 0;  // experts of visits, each once however many rows chose it
  uint64_t num_hits = 0;    // those that were resident when their layer routed
  uint64_t bytes_wanted = 0;
  uint64_t bytes_read = 0;  // of those that were not

  // By bytes: what need not be read. 0 when nothing was wanted.
  double hit_rate() const;
  void Add(const ReplayCounts& other);
};

struct ReplayResult {
  struct Step {
    size_t num_rows = 0;
    size_t num_layers = 0;  // visits
    double seconds = 0;
    double compute_seconds = 0;
    double blocking_stall_seconds = 0;
    uint64_t bytes_wanted = 0;   // of distinct experts
    uint64_t bytes_missing = 0;  // of those that were not resident when wanted
    uint64_t bytes_read = 0;     // begun in this step, in all classes
  };
  ReplayCounts total;
  std::vector<ReplayCounts> groups;  // of consecutive layers, as equal as can be
  uint64_t num_first_reads = 0;      // experts that no cache need not read: they were never read before
  uint64_t num_evictions = 0;
  std::vector<Step> steps;
  double compute_seconds = 0;
  double stall_seconds = 0;           // waiting with nothing to compute, resident experts first
  double blocking_stall_seconds = 0;  // when every layer reads what is absent first and then computes
  std::array<uint64_t, kNumReadClasses> class_bytes = {};  // read, in the class that each request began in
  uint64_t used_bytes = 0;                                 // begun on a guess, and the layer wanted the expert
  uint64_t wasted_bytes = 0;                               // and it did not
  uint64_t regretted_bytes = 0;                            // evicted by a guess, and wanted within one round
  uint64_t num_late = 0;                                   // announced and not resident when wanted
  size_t num_control_steps = 0;                            // without guesses, by the governor

  double seconds() const { return compute_seconds + stall_seconds; }
  // Rows of the steps from `first_step` on per second of them; 0 when there are none.
  double rows_per_second(size_t first_step = 0) const;
  // The same when every layer reads what is absent first and then computes.
  double blocking_rows_per_second(size_t first_step = 0) const;
};

// INVALID_ARGUMENT when the memory does not hold two of the largest expert, or for a source outside its limits.
absl::StatusOr<ReplayResult> Replay(const ReplayTrace& trace, const ReplayOptions& options);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_H_
