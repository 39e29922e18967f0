#include "kernels/cpu/cpu_moe.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"

namespace foregate::internal {
namespace {

// Insertion into the k best so far. A later id enters only with a strictly larger score, so ties keep the smaller id
// and NaN never displaces anything.
void SelectTopK(const float* scores, int64_t num_experts, int64_t k, int32_t* ids, float* weights) {
  for (int64_t e = 0; e < num_experts; ++e) {
    int64_t rank = std::min(e, k);
    while (rank > 0 && scores[e] > weights[rank - 1]) --rank;
    if (rank == k) continue;
    const int64_t num_moved = std::min(e, k - 1) - rank;
    std::memmove(ids + rank + 1, ids + rank, static_cast<size_t>(num_moved) * sizeof(int32_t));
    std::memmove(weights + rank + 1, weights + rank, static_cast<size_t>(num_moved) * sizeof(float));
    ids[rank] = static_cast<int32_t>(e);
    weights[rank] = scores[e];
  }
}

// Softmax in f32.
void ReplaceByScores(const Compute& compute, float* logits, int64_t count) {
  float maximum = 0;
  const float sum = compute.isa->softmax_numerators(logits, count, 1.0f, &maximum);
  for (int64_t i = 0; i < count; ++i) logits[i] /= sum;
}

}  // namespace

void CpuTopKRouter(const Compute& compute, const TopKRouterArgs& args) {
  const int64_t num_experts = args.logits.dim(1);
  const int64_t k = args.expert_ids.dim(1);
  const auto route = [&](int64_t t) {
    // Kept by its thread: a step allocates nothing.
    thread_local std::vector<float> scores;
    scores.assign(args.logits.as<const float>() + t * num_experts,
                  args.logits.as<const float>() + (t + 1) * num_experts);
    ReplaceByScores(compute, scores.data(), num_experts);
    float* weights = args.weights.as<float>() + t * k;
    SelectTopK(scores.data(), num_experts, k, args.expert_ids.as<int32_t>() + t * k, weights);
    if (!args.normalize) return;
    const float selected_sum = LaneSum(weights, k);
    for (int64_t rank = 0; rank < k; ++rank) weights[rank] /= selected_sum;
  };
  // An exponential and a place in the ranking cost about 16 element operations.
  compute.For(args.logits.dim(0), args.logits.num_elements() * 16, route);
}

void CpuWeighExperts(const Compute& compute, const WeighExpertsArgs& args) {
  const int64_t num_experts = args.logits.dim(1);
  const int64_t k = args.expert_ids.dim(1);
  const auto weigh = [&](int64_t t) {
    const float* logits = args.logits.as<const float>() + t * num_experts;
    const int32_t* ids = args.expert_ids.as<const int32_t>() + t * k;
    float* weights = args.weights.as<float>() + t * k;
    const auto take = [&](const float* from) {
      for (int64_t slot = 0; slot < k; ++slot) {
        FOREGATE_CHECK(ids[slot] >= 0 && ids[slot] < num_experts);
        weights[slot] = from[ids[slot]];
      }
    };
    if (args.normalize) {
      take(logits);
      return ReplaceByScores(compute, weights, k);
    }
    // Kept by its thread: a step allocates nothing.
    thread_local std::vector<float> scores;
    scores.assign(logits, logits + num_experts);
    ReplaceByScores(compute, scores.data(), num_experts);
    take(scores.data());
  };
  // An exponential costs about 16 element operations.
  const int64_t num_exponentials = args.normalize ? args.weights.num_elements() : args.logits.num_elements();
  compute.For(args.logits.dim(0), num_exponentials * 16, weigh);
}

void CpuGroupByExpert(const GroupByExpertArgs& args) {
  const int64_t num_entries = args.expert_ids.num_elements();
  const int64_t k = args.expert_ids.dim(1);
  const int64_t num_experts = args.offsets.dim(0) - 1;
  const int32_t* experts = args.expert_ids.as<const int32_t>();
  // The offsets count first, then they are each expert's next place, and at last they move up by one expert.
  int32_t* offsets = args.offsets.as<int32_t>();
  std::fill(offsets, offsets + num_experts + 1, 0);
  for (int64_t i = 0; i < num_entries; ++i) {
    FOREGATE_CHECK(experts[i] >= 0 && experts[i] < num_experts);
    ++offsets[experts[i]];
  }
  int32_t first = 0;
  for (int64_t e = 0; e < num_experts; ++e) first += std::exchange(offsets[e], first);
  for (int64_t i = 0; i < num_entries; ++i) {
    const int32_t j = offsets[experts[i]]++;
    args.token_of.as<int32_t>()[j] = static_cast<int32_t>(i / k);
    args.slot_of.as<int32_t>()[j] = static_cast<int32_t>(i % k);
  }
  std::copy_backward(offsets, offsets + num_experts, offsets + num_experts + 1);
  offsets[0] = 0;
}

void CpuCombine(const Compute& compute, const CombineArgs& args) {
  const int64_t hidden = args.y.dim(1);
  const int64_t k = args.weights.dim(1);
  const int32_t* offsets = args.offsets.as<const int32_t>();
  const int32_t first_entry = offsets[args.first_expert];
  const int32_t last_entry = offsets[args.last_expert];
  // Threads share the columns, since entries of one token must follow each other.
  const int64_t columns = std::max<int64_t>(64, (hidden / compute.pool->num_threads() + 15) / 16 * 16);
  const int64_t num_chunks = (hidden + columns - 1) / columns;
  compute.For(num_chunks, (last_entry - first_entry) * hidden, [&](int64_t chunk) {
    const int64_t begin = chunk * columns;
    const int64_t width = std::min(columns, hidden - begin);
    for (int64_t j = first_entry; j < last_entry; ++j) {
      const int64_t token = args.token_of.as<const int32_t>()[j];
      const int64_t slot = args.slot_of.as<const int32_t>()[j];
      FOREGATE_CHECK(token >= 0 && token < args.acc.dim(0) && slot >= 0 && slot < k);
      compute.isa->fma_row(args.weights.as<const float>()[token * k + slot],
                           args.y.as<const float>() + j * hidden + begin, args.acc.as<float>() + token * hidden + begin,
                           width);
    }
  });
}

}  // namespace foregate::internal
