#include "engine/moe/moe_layer.h"

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status AddSharedExpert(const MoeWeights& weights, const TensorView& x, const MoeBuffers& buffers,
                             const TensorView& out, Kernels& kernels, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(DenseFfn(weights.shared, x, buffers.shared, buffers.shared_y, kernels, stream));
  TensorView gate_logits;
  if (!weights.shared_gate.empty()) {
    gate_logits = buffers.shared_logit;
    FOREGATE_RETURN_IF_ERROR(
        kernels.Linear({.x = x, .weight = weights.shared_gate, .bias = {}, .out = gate_logits}, stream));
  }
  return kernels.Accumulate({.y = buffers.shared_y, .gate_logits = gate_logits, .acc = out}, stream);
}

}  // namespace

absl::Status MoeLayer(int32_t layer, const RouterOptions& options, const MoeWeights& weights, const TensorView& x,
                      const MoeBuffers& buffers, const TensorView& out, Dispatcher& dispatcher, WaitingRows& rows,
                      const Backend& backend, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(Route(options, x, weights.gate, buffers.routing, backend, stream));
  FOREGATE_RETURN_IF_ERROR(backend.kernels->Fill({.x = out, .value = 0}, stream));
  FOREGATE_RETURN_IF_ERROR(dispatcher.Run(layer, x, buffers.routing, buffers.dispatch, out, rows, stream));
  if (weights.shared.down.empty()) return absl::OkStatus();
  return AddSharedExpert(weights, x, buffers, out, *backend.kernels, stream);
}

}  // namespace foregate
