#include "engine/moe/replay/replay_balance.h"

#include <string>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

struct Sums {
  double transfer_seconds = 0;
  double num_experts = 0;
  double num_layers = 0;
};

// Of a run in which an expert takes a second and a layer nothing.
Sums SumFrom(size_t first, const ReplayResult& counted) {
  Sums sums;
  for (size_t i = first; i < counted.steps.size(); ++i) {
    sums.transfer_seconds += counted.steps[i].blocking_stall_seconds;
    sums.num_experts += counted.steps[i].compute_seconds;
    sums.num_layers += static_cast<double>(counted.steps[i].num_layers);
  }
  return sums;
}

}  // namespace

size_t StepAfterRows(const ReplayResult& result, size_t num_rows) {
  size_t rows = 0, step = 0;
  for (; step < result.steps.size() && rows < num_rows; ++step) rows += result.steps[step].num_rows;
  return step;
}

absl::StatusOr<ReplayOptions> Balance(const ReplayTrace& trace, const ReplayOptions& options,
                                      const ReplayBalance& balance) {
  if (!(options.bytes_per_second > 0)) return absl::InvalidArgumentError("balancing a replay needs a bandwidth");
  if (!(balance.transfer_ratio > 0) || !(balance.layer_share >= 0 && balance.layer_share < 1))
    return absl::InvalidArgumentError("a transfer ratio of " + std::to_string(balance.transfer_ratio) +
                                      " with a layer share of " + std::to_string(balance.layer_share));
  // One run counts the experts that are computed: each takes a second.
  ReplayOptions counting = options;
  counting.policy = EvictLeastRecentlyUsed;
  counting.source = {};
  counting.expert_seconds = 1;
  counting.layer_seconds = 0;
  FOREGATE_ASSIGN_OR_RETURN(const ReplayResult counted, Replay(trace, counting));
  const size_t first = StepAfterRows(counted, balance.after_rows);
  if (first == counted.steps.size())
    return absl::InvalidArgumentError("the trace ends before " + std::to_string(balance.after_rows) + " rows");
  Sums sums = SumFrom(first, counted);
  // Where everything is resident by then, the whole run says how long computing takes.
  if (sums.transfer_seconds == 0) sums = SumFrom(0, counted);
  const double compute_seconds = sums.transfer_seconds / balance.transfer_ratio;
  ReplayOptions balanced = options;
  balanced.expert_seconds = compute_seconds * (1 - balance.layer_share) / sums.num_experts;
  balanced.layer_seconds = compute_seconds * balance.layer_share / sums.num_layers;
  return balanced;
}

}  // namespace foregate
