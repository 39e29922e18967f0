#include "kernels/ref/ref_moe.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/ref/ref_matrix.h"

namespace foregate::internal {
namespace {

// Repeated selection of the best not yet taken. NaN never wins over an earlier id, so ids stay in range and distinct.
void SelectTopK(const std::vector<float>& scores, int64_t k, int32_t* ids, float* weights) {
  std::vector<bool> taken(scores.size(), false);
  for (int64_t rank = 0; rank < k; ++rank) {
    size_t best = scores.size();
    for (size_t e = 0; e < scores.size(); ++e) {
      if (!taken[e] && (best == scores.size() || scores[e] > scores[best])) best = e;
    }
    taken[best] = true;
    ids[rank] = static_cast<int32_t>(best);
    weights[rank] = scores[best];
  }
}

// Softmax in f32.
void ReplaceByScores(std::vector<float>& logits) {
  const auto count = static_cast<int64_t>(logits.size());
  const float maximum = MaxElement(logits.data(), count);
  for (float& logit : logits) logit = Exp(logit - maximum);
  const float sum = LaneSum(logits.data(), count);
  for (float& score : logits) score /= sum;
}

}  // namespace

void RefTopKRouter(const TopKRouterArgs& args) {
  const int64_t num_experts = args.logits.dim(1);
  const int64_t k = args.expert_ids.dim(1);
  std::vector<float> scores;
  for (int64_t t = 0; t < args.logits.dim(0); ++t) {
    const float* logits = args.logits.as<const float>() + t * num_experts;
    float* weights = args.weights.as<float>() + t * k;
    scores.assign(logits, logits + num_experts);
    ReplaceByScores(scores);
    SelectTopK(scores, k, args.expert_ids.as<int32_t>() + t * k, weights);
    if (!args.normalize) continue;
    const float selected_sum = LaneSum(weights, k);
    for (int64_t rank = 0; rank < k; ++rank) weights[rank] /= selected_sum;
  }
}

void RefWeighExperts(const WeighExpertsArgs& args) {
  const int64_t num_experts = args.logits.dim(1);
  const int64_t k = args.expert_ids.dim(1);
  std::vector<float> scores, chosen(static_cast<size_t>(k));
  for (int64_t t = 0; t < args.logits.dim(0); ++t) {
    const float* logits = args.logits.as<const float>() + t * num_experts;
    const int32_t* ids = args.expert_ids.as<const int32_t>() + t * k;
    scores.assign(logits, logits + num_experts);
    if (!args.normalize) ReplaceByScores(scores);
    for (size_t slot = 0; slot < chosen.size(); ++slot) {
      FOREGATE_CHECK(ids[slot] >= 0 && ids[slot] < num_experts);
      chosen[slot] = scores[static_cast<size_t>(ids[slot])];
    }
    if (args.normalize) ReplaceByScores(chosen);
    std::copy(chosen.begin(), chosen.end(), args.weights.as<float>() + t * k);
  }
}

void RefGroupByExpert(const GroupByExpertArgs& args) {
  const int64_t num_entries = args.expert_ids.num_elements();
  const int64_t k = args.expert_ids.dim(1);
  const auto num_experts = static_cast<int32_t>(args.offsets.dim(0) - 1);
  const int32_t* experts = args.expert_ids.as<const int32_t>();
  int32_t* offsets = args.offsets.as<int32_t>();
  for (int32_t e = 0; e <= num_experts; ++e) offsets[e] = 0;
  for (int64_t i = 0; i < num_entries; ++i) {
    FOREGATE_CHECK(experts[i] >= 0 && experts[i] < num_experts);
    ++offsets[experts[i] + 1];
  }
  for (int32_t e = 0; e < num_experts; ++e) offsets[e + 1] += offsets[e];
  std::vector<int32_t> next(offsets, offsets + num_experts);
  for (int64_t i = 0; i < num_entries; ++i) {
    const int32_t j = next[static_cast<size_t>(experts[i])]++;
    args.token_of.as<int32_t>()[j] = static_cast<int32_t>(i / k);
    args.slot_of.as<int32_t>()[j] = static_cast<int32_t>(i % k);
  }
}

void RefGroupedFfn(const GroupedFfnArgs& args, Bf16Products bf16_products) {
  const int64_t hidden = args.x.dim(1);
  const int32_t* offsets = args.offsets.as<const int32_t>();
  const int32_t* token_of = args.token_of.as<const int32_t>();
  for (const ExpertWeights& weights : args.experts) {
    const int64_t ffn = weights.gate.num_outputs;
    const RefMatrix gate_matrix(weights.gate, bf16_products);
    const RefMatrix up_matrix(weights.up, bf16_products);
    const RefMatrix down_matrix(weights.down, bf16_products);
    for (int32_t j = offsets[weights.expert]; j < offsets[weights.expert + 1]; ++j) {
      FOREGATE_CHECK(token_of[j] >= 0 && token_of[j] < args.x.dim(0));
      const float* x = args.x.as<const float>() + token_of[j] * hidden;
      float* gate = args.scratch.as<float>() + static_cast<int64_t>(j) * 2 * ffn;
      float* up = gate + ffn;
      gate_matrix.Apply(x, gate);
      up_matrix.Apply(x, up);
      for (int64_t f = 0; f < ffn; ++f) gate[f] = Silu(gate[f]) * up[f];
      down_matrix.Apply(gate, args.y.as<float>() + j * hidden);
    }
  }
}

void RefCombine(const CombineArgs& args) {
  const int64_t hidden = args.y.dim(1);
  const int64_t k = args.weights.dim(1);
  const int32_t* offsets = args.offsets.as<const int32_t>();
  // Entries are grouped by ascending expert, so ascending entries are ascending experts.
  for (int32_t j = offsets[args.first_expert]; j < offsets[args.last_expert]; ++j) {
    const int64_t token = args.token_of.as<const int32_t>()[j];
    const int64_t slot = args.slot_of.as<const int32_t>()[j];
    FOREGATE_CHECK(token >= 0 && token < args.acc.dim(0) && slot >= 0 && slot < k);
    const float weight = args.weights.as<const float>()[token * k + slot];
    const float* y = args.y.as<const float>() + j * hidden;
    float* acc = args.acc.as<float>() + token * hidden;
    for (int64_t h = 0; h < hidden; ++h) acc[h] = std::fma(weight, y[h], acc[h]);
  }
}

}  // namespace foregate::internal
