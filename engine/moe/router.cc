#include "engine/moe/router.h"

#include "kernels/base/status_macros.h"

namespace foregate {

absl::Status Route(const RouterOptions& options, const TensorView& x, const WeightMatrix& gate,
                   const RoutingTable& table, const Backend& backend, Stream& stream) {
  Kernels& kernels = *backend.kernels;
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = gate, .bias = {}, .out = table.logits}, stream));
  if (options.is_committed) {
    FOREGATE_RETURN_IF_ERROR(kernels.WeighExperts({.logits = table.logits,
                                                   .scoring = options.scoring,
                                                   .normalize = options.normalize_weights,
                                                   .expert_ids = table.expert_ids,
                                                   .weights = table.weights},
                                                  stream));
  } else {
    FOREGATE_RETURN_IF_ERROR(kernels.TopKRouter({.logits = table.logits,
                                                 .scoring = options.scoring,
                                                 .normalize = options.normalize_weights,
                                                 .expert_ids = table.expert_ids,
                                                 .weights = table.weights},
                                                stream));
  }
  FOREGATE_RETURN_IF_ERROR(kernels.GroupByExpert(
      {.expert_ids = table.expert_ids, .token_of = table.token_of, .slot_of = table.slot_of, .offsets = table.offsets},
      stream));
  FOREGATE_RETURN_IF_ERROR(backend.device->CopyAsync(table.expert_ids, table.host_expert_ids, stream));
  return backend.device->CopyAsync(table.weights, table.host_weights, stream);
}

}  // namespace foregate
