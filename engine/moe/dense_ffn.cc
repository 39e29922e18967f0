#include "engine/moe/dense_ffn.h"

#include "kernels/base/status_macros.h"

namespace foregate {

absl::Status DenseFfn(const DenseFfnWeights& weights, const TensorView& x, const DenseFfnBuffers& buffers,
                      const TensorView& y, Kernels& kernels, Stream& stream) {
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = weights.gate, .bias = {}, .out = buffers.gate}, stream));
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = weights.up, .bias = {}, .out = buffers.up}, stream));
  FOREGATE_RETURN_IF_ERROR(kernels.SwiGlu({.gate = buffers.gate, .up = buffers.up, .out = buffers.gate}, stream));
  return kernels.Linear({.x = buffers.gate, .weight = weights.down, .bias = {}, .out = y}, stream);
}

}  // namespace foregate
