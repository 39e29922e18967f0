#include "engine/sample/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "kernels/base/arg_max.h"

namespace foregate {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

}  // namespace

absl::StatusOr<int32_t> Sampler::Sample(std::span<const float> logits, const SamplingParams& params, double u,
                                        std::optional<int32_t> known_largest) {
  const int32_t largest = known_largest ? *known_largest : ArgMax(logits);
  if (largest == kNotANumber) return absl::InternalError("the model computed a logit that is NaN or infinite");
  if (largest == kAllMasked) return absl::InternalError("every token is masked: nothing can be sampled");
  if (params.temperature == 0) return largest;

  const double max_logit = logits[static_cast<size_t>(largest)];
  const double inverse_temperature = 1.0 / static_cast<double>(params.temperature);
  Collect(logits, params);
  for (Candidate& candidate : candidates_) {
    // A difference of zero stays zero even when the inverse of a tiny temperature is infinite.
    const double difference = static_cast<double>(candidate.logit) - max_logit;
    candidate.weight = difference == 0 ? 1.0 : std::exp(difference * inverse_temperature);
  }
  const size_t kept = Truncate(params);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) total += candidates_[i].weight;
  const double threshold = u * total;
  double cumulative = 0;
  int32_t last_possible = largest;
  for (size_t i = 0; i < kept; ++i) {
    if (candidates_[i].weight == 0) continue;
    cumulative += candidates_[i].weight;
    last_possible = candidates_[i].token;
    if (cumulative > threshold) return last_possible;
  }
  return last_possible;  // rounding of u * total reached the total
}

void Sampler::Collect(std::span<const float> logits, const SamplingParams& params) {
  candidates_.clear();
  const size_t limit = params.top_k > 0 ? static_cast<size_t>(params.top_k) : logits.size();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kMasked) continue;
    const Candidate candidate{static_cast<int32_t>(i), logits[i], 0};
    if (candidates_.size() == limit) {
      // A heap with the worst on top. Nearly all tokens end here, at one comparison, and need no exponential.
      if (!Better(candidate, candidates_.front())) continue;
      std::pop_heap(candidates_.begin(), candidates_.end(), Better);
      candidates_.back() = candidate;
    } else {
      candidates_.push_back(candidate);
    }
    if (limit < logits.size()) std::push_heap(candidates_.begin(), candidates_.end(), Better);
  }
}

size_t Sampler::Truncate(const SamplingParams& params) {
  const bool has_top_k = params.top_k > 0;
  const auto by_token = [](const Candidate& a, const Candidate& b) { return a.token < b.token; };
  const auto begin = candidates_.begin();
  size_t kept = candidates_.size();
  if (params.top_p < 1.0f) {
    // Sum in ascending id: the total must not depend on how the selection arranged the candidates.
    if (has_top_k) std::sort(begin, candidates_.end(), by_token);
    double total = 0;
    for (const Candidate& candidate : candidates_) total += candidate.weight;
    const double wanted = static_cast<double>(params.top_p) * total;
    size_t sorted = 0;
    double cumulative = 0;
    kept = 0;
    while (kept < candidates_.size()) {
      if (kept == sorted) {
        // A nucleus is short in most rows: sort 256 more, then four times as many.
        const size_t next = std::min(candidates_.size(), sorted == 0 ? size_t{256} : sorted * 4);
        const auto first = begin + static_cast<std::ptrdiff_t>(sorted);
        const auto last = begin + static_cast<std::ptrdiff_t>(next);
        if (last != candidates_.end()) std::nth_element(first, last, candidates_.end(), Better);
        std::sort(first, last, Better);
        sorted = next;
      }
      cumulative += candidates_[kept++].weight;
      if (cumulative >= wanted) break;
    }
    candidates_.resize(kept);
  }
  if (params.min_p > 0) {
    const auto too_small = [&](const Candidate& c) { return c.weight < static_cast<double>(params.min_p); };
    candidates_.erase(std::remove_if(begin, candidates_.end(), too_small), candidates_.end());
    kept = candidates_.size();
  }
  if (has_top_k || params.top_p < 1.0f) std::sort(begin, candidates_.end(), by_token);
  return kept;
}

}  // namespace foregate
