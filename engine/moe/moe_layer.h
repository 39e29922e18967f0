// MoeLayer: route (by committed ids where a pre-gate chose), run the experts, combine, add the shared expert.
#ifndef FOREGATE_ENGINE_MOE_MOE_LAYER_H_
#define FOREGATE_ENGINE_MOE_MOE_LAYER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "engine/moe/dense_ffn.h"
#include "engine/moe/dispatcher.h"
#include "engine/moe/router.h"
#include "engine/moe/routing_table.h"
#include "engine/moe/waiting_rows.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct MoeWeights {
  WeightMatrix gate;         // [E, H]
  WeightMatrix pre_gate;     // [E, H] or absent; applied to the state of an earlier layer (pre_gate.h)
  DenseFfnWeights shared;    // absent: no shared expert
  WeightMatrix shared_gate;  // [1, H] or absent: the shared expert counts fully
};

struct MoeBuffers {
  RoutingTable routing;
  DispatchBuffers dispatch;
  DenseFfnBuffers shared;
  TensorView shared_y;      // [T, H]
  TensorView shared_logit;  // [T, 1]
};

// out[t] = sum over the chosen experts, ascending by id, of weight * expert(x[t]), then the shared expert.
// x [T, H]; `out` [T, H] must not overlap `x`.
absl::Status MoeLayer(int32_t layer, const RouterOptions& options, const MoeWeights& weights, const TensorView& x,
                      const MoeBuffers& buffers, const TensorView& out, Dispatcher& dispatcher, WaitingRows& rows,
                      const Backend& backend, Stream& stream);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_MOE_LAYER_H_
