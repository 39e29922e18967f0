#include "engine/sample/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "absl/status/status.h"

namespace foregate {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();
constexpr float kLargestFinite = std::numeric_limits<float>::max();

// The compiler's generic vectors, in registers that every x86-64 has; four at a time, so that one comparison need not
// wait for the one before. A vocabulary is walked once per token: compared one by one, that cost more than everything
// else around a step.
constexpr size_t kLanes = 4;
constexpr size_t kVectors = 4;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneMask = int32_t __attribute__((vector_size(kLanes * sizeof(float))));

struct BlockMaximum {
  float value = kMasked;
  bool finite = true;  // no NaN, no +infinity
};

BlockMaximum MaximumOf(std::span<const float> block) {
  Lanes maxima[kVectors];
  LaneMask finite[kVectors];
  std::fill_n(maxima, kVectors, kMasked - Lanes{});
  std::fill_n(finite, kVectors, ~LaneMask{});
  size_t i = 0;
  for (; i + kVectors * kLanes <= block.size(); i += kVectors * kLanes) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      Lanes x;
      std::memcpy(&x, block.data() + i + v * kLanes, sizeof(x));
      maxima[v] = x > maxima[v] ? x : maxima[v];
      finite[v] &= x <= kLargestFinite;
    }
  }
  BlockMaximum result;
  const auto add = [&](float x, bool is_finite) {
    result.value = std::max(result.value, x);
    result.finite &= is_finite;
  };
  for (size_t v = 0; v < kVectors; ++v)
    for (size_t lane = 0; lane < kLanes; ++lane) add(maxima[v][lane], finite[v][lane] != 0);
  for (; i < block.size(); ++i) add(block[i], block[i] <= kLargestFinite);
  return result;
}

// The largest finite logit's index, of equals the smallest; -1 when all are masked, -2 when one is NaN or +infinity.
int32_t FindLargest(std::span<const float> logits) {
  constexpr size_t kBlock = 1024;  // searched a second time for the place of its maximum
  float best = kMasked;
  size_t best_block = 0;
  bool finite = true;
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const BlockMaximum maximum = MaximumOf(logits.subspan(begin, std::min(kBlock, logits.size() - begin)));
    finite &= maximum.finite;
    if (maximum.value > best) {
      best = maximum.value;
      best_block = begin;
    }
  }
  if (!finite) return -2;
  if (best == kMasked) return -1;
  size_t i = best_block;
  while (logits[i] != best) ++i;
  return static_cast<int32_t>(i);
}

}  // namespace

absl::StatusOr<int32_t> Sampler::Sample(std::span<const float> logits, const SamplingParams& params, double u) {
  const int32_t largest = FindLargest(logits);
  if (largest == -2) return absl::InternalError("the model computed a logit that is NaN or infinite");
  if (largest == -1) return absl::InternalError("every token is masked: nothing can be sampled");
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
