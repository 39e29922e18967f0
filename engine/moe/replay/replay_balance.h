// Sets the time of computing in a replay so that transfer and compute stand in a given ratio: where prefetching is
// judged, since it can save no more than the shorter of the two.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_BALANCE_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_BALANCE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/moe/replay/replay.h"

namespace foregate {

struct ReplayBalance {
  double transfer_ratio = 1;  // what least recently used reads on demand takes so many times what is computed
  double layer_share = 0;     // of computing, spent before a layer routes: attention and what else is no expert
  size_t after_rows = 0;      // over the steps after so many rows, or over all when nothing is read in these
};

// The first step before which at least `num_rows` rows ran; the number of steps when there are fewer.
size_t StepAfterRows(const ReplayResult& result, size_t num_rows);

// `options` with `expert_seconds` and `layer_seconds` set for its trace and memory. INVALID_ARGUMENT without a
// bandwidth, for shares outside [0, 1), or when nothing is left after so many rows; Replay's errors.
absl::StatusOr<ReplayOptions> Balance(const ReplayTrace& trace, const ReplayOptions& options,
                                      const ReplayBalance& balance);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_BALANCE_H_
