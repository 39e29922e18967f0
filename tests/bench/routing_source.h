// RoutingSource: which experts the rows of a bench choose, whatever its random weights would. Random routers neither
// skew as trained ones do nor stay even while they decode, so an expert tier is measured with routing from elsewhere:
// recorded from a real model, or even by construction.
#ifndef FOREGATE_TESTS_BENCH_ROUTING_SOURCE_H_
#define FOREGATE_TESTS_BENCH_ROUTING_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

struct RoutedModel {
  int32_t num_layers = 0;   // that route
  int32_t num_experts = 0;  // in each of them
  int32_t top_k = 0;
};

// Thread-safe; equal arguments give equal answers.
class RoutingSource {
 public:
  virtual ~RoutingSource() = default;
  // Of the row `row` of `num_rows` in the step `step`, in the order of the router's ranks. `experts` has room for
  // top_k.
  virtual void Choose(uint64_t step, int32_t layer_index, size_t row, size_t num_rows,
                      std::span<int32_t> experts) const = 0;
  // What it is, for the report.
  virtual std::string description() const = 0;
};

// Every expert is as likely as any other, for each row on its own: the worst case of a cache.
std::unique_ptr<RoutingSource> MakeEvenRouting(const RoutedModel& model, uint64_t seed);

// The tokens of the routing trace in `path` (docs/route_trace.md): the rows of a step are tokens that lie evenly apart
// in it, each goes on from there, and begins anew behind the last. A model of fewer layers uses the trace's first ones.
// Tokens that the trace does not have in all layers are left out, and those of prompts where it has others
// (DecodeTokens). INVALID_ARGUMENT naming both when
// experts or top-k differ or the trace has fewer layers; RESOURCE_EXHAUSTED for more than 2^20 tokens.
absl::StatusOr<std::unique_ptr<RoutingSource>> ReadRoutingTrace(const RoutedModel& model, const std::string& path);

// Whether so many guesses can be told apart from each other and, where some are wrong, from what was chosen.
bool HasEnoughExperts(size_t num_chosen, size_t num_guesses, int32_t num_experts, double accuracy);

// `truth` as a guess of a given accuracy says it: each of its experts is kept with probability `accuracy` or else
// replaced by one that was not chosen; ranks beyond the truth are others still. `guess` is at least as long as `truth`,
// and there are enough experts.
void GuessWithAccuracy(std::span<const int32_t> truth, int32_t num_experts, double accuracy, uint64_t seed,
                       std::span<int32_t> guess);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_ROUTING_SOURCE_H_
