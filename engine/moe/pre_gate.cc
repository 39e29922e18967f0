#include "engine/moe/pre_gate.h"

#include "kernels/base/status_macros.h"

namespace foregate {

absl::Status CommitExperts(RouterScoring scoring, const TensorView& x, const WeightMatrix& pre_gate,
                           const PreGateScratch& scratch, const CommittedExperts& committed, const Backend& backend,
                           Stream& stream) {
  Kernels& kernels = *backend.kernels;
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = pre_gate, .bias = {}, .out = scratch.logits}, stream));
  // The scores of the early choice are nobody's mixing weights.
  FOREGATE_RETURN_IF_ERROR(kernels.TopKRouter({.logits = scratch.logits,
                                               .scoring = scoring,
                                               .normalize = false,
                                               .expert_ids = committed.expert_ids,
                                               .weights = scratch.weights},
                                              stream));
  return backend.device->CopyAsync(committed.expert_ids, committed.host_expert_ids, stream);
}

}  // namespace foregate
