// Sampler: draws the next token from processed logits.
//
// Definition, with l the processed logits and T the temperature:
//   T == 0: the token of the largest l; the smaller id wins a tie.
//   Otherwise p = softmax(l / T) in double over the tokens with l > -infinity, and in this order
//   top_k  keeps the k largest l;
//   top_p  keeps, in descending l, the shortest prefix whose share of what top_k kept reaches top_p (never empty);
//   min_p  keeps tokens with p >= min_p * max p.
//   Equal logits at a border: the smaller id is kept. The draw u in [0, 1) picks, walking the kept tokens in ascending
//   id, the first whose cumulative share exceeds u.
// Only the row, the parameters and u enter, so the batch does not matter.
#ifndef FOREGATE_ENGINE_SAMPLE_SAMPLER_H_
#define FOREGATE_ENGINE_SAMPLE_SAMPLER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/request/sampling_params.h"

namespace foregate {

// Keeps its scratch between calls. Thread-compatible.
class Sampler {
 public:
  // INTERNAL when a logit is NaN or +infinity, or when every token is masked. `known_largest`: what ArgMax(logits)
  // gives (kernels/base/arg_max.h), where the caller knows.
  absl::StatusOr<int32_t> Sample(std::span<const float> logits, const SamplingParams& params, double u,
                                 std::optional<int32_t> known_largest = {});

 private:
  struct Candidate {
    int32_t token = 0;
    float logit = 0;
    double weight = 0;  // exp((logit - max) / T)
  };
  // Larger logit first; of equals the smaller id.
  static bool Better(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }
  // Fills candidates_ with the tokens that are not masked, or the top_k best of them in any order; without weights.
  void Collect(std::span<const float> logits, const SamplingParams& params);
  // Number of candidates that remain, in the first places of candidates_.
  size_t Truncate(const SamplingParams& params);

  std::vector<Candidate> candidates_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SAMPLE_SAMPLER_H_
