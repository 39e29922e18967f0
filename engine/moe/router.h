// Router: gate logits, top-k and mixing weights of one layer, into a RoutingTable. Where a pre-gate has chosen
// (pre_gate.h), only the weights are the router's.
#ifndef FOREGATE_ENGINE_MOE_ROUTER_H_
#define FOREGATE_ENGINE_MOE_ROUTER_H_

#include "absl/status/status.h"
#include "engine/moe/routing_table.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct RouterOptions {
  RouterScoring scoring = RouterScoring::kSoftmax;
  bool normalize_weights = false;
  bool is_committed = false;  // the table's expert_ids are there already
};

// Routes the rows of `x` [T, H] by `gate` [E, H] and enqueues the copies to the table's host side.
absl::Status Route(const RouterOptions& options, const TensorView& x, const WeightMatrix& gate,
                   const RoutingTable& table, const Backend& backend, Stream& stream);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTER_H_
