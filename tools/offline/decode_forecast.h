// DecodeForecast: tokens per second of a model in a memory on a machine, computed. Pure: the model's shape, the budget
// and the probed rates go in; a routing trace is replayed in virtual time against a cache of that budget, with the
// policy, the reads ahead and the governor of the daemon.
//
// A step takes hypot(bytes / reading, operations / computing) where it computes, for neither hides the other wholly;
// what is read from disk overlaps with it as the replay finds. Assumptions: KernelReach; rows of a batch share an
// expert evenly; experts of all sizes share one memory. Left out: scheduling, sampling and serving, which take 0.2 % of
// a step (docs/benchmarks.md).
#ifndef FOREGATE_TOOLS_OFFLINE_DECODE_FORECAST_H_
#define FOREGATE_TOOLS_OFFLINE_DECODE_FORECAST_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/model/load_model.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/replay/replay_prefetch.h"
#include "tools/offline/kernel_reach.h"

namespace foregate {

struct ForecastMachine {
  double read_bytes_per_second = 0;  // from memory, by all threads
  double ops_per_second = 0;
  KernelReach reach;
  double disk_bytes_per_second = 0;  // of experts; only when not all of them stay in memory
  uint64_t disk_request_bytes = 0;
  uint64_t disk_in_flight_bytes = 0;
  uint64_t disk_guessed_in_flight_bytes = 0;  // of these, guesses
};

struct ForecastInput {
  StepShape step;
  uint64_t kv_bytes_per_token = 0;
  int32_t context_tokens = 0;  // that each stream holds
  uint64_t slot_bytes = 0;     // of the expert cache
  bool keeps_all_experts = false;
  EvictionPolicy eviction = EvictFarthestExpectedUse;
  PrefetchSource prefetch;               // as the daemon would read ahead; kNone: it does not
  const DecodeTokens* tokens = nullptr;  // of a recorded trace; null: uniform routing
};

struct DecodeForecast {
  enum class Bound : uint8_t { kComputing, kDisk };
  size_t num_streams = 0;
  double tokens_per_second = 0;           // with reads ahead, where there are any
  double demand_tokens_per_second = 0;    // without
  double resident_tokens_per_second = 0;  // were all experts in memory
  Bound bound = Bound::kComputing;        // what more of would help more
  double read_bytes_per_token = 0;        // from the disk, with reads ahead
  double demand_read_bytes_per_token = 0;
  double demand_hit_rate = 1;    // of the bytes that layers wanted, resident when they wanted them; without
  double experts_per_layer = 0;  // distinct, a step
  size_t num_steps = 0;          // replayed, of which the second half counts
};

// The header of a trace of the model.
TraceHeader ForecastHeader(const StepShape& step);

// INVALID_ARGUMENT for more streams than a given trace has tokens, and when the slots do not hold two of the largest
// expert.
absl::StatusOr<DecodeForecast> ForecastDecode(const ForecastInput& input, const ForecastMachine& machine,
                                              size_t num_streams);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_DECODE_FORECAST_H_
