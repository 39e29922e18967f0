// The gated feed-forward network, y = down(silu(gate(x)) * up(x)): a dense layer, or a shared expert.
#ifndef FOREGATE_ENGINE_MOE_DENSE_FFN_H_
#define FOREGATE_ENGINE_MOE_DENSE_FFN_H_

#include "absl/status/status.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct DenseFfnWeights {
  WeightMatrix gate;  // [F, H]
  WeightMatrix up;    // [F, H]
  WeightMatrix down;  // [H, F]
};

struct DenseFfnBuffers {
  TensorView gate;  // [T, F]
  TensorView up;    // [T, F]
};

// x [T, H] -> y [T, H]; `y` may be `x`.
absl::Status DenseFfn(const DenseFfnWeights& weights, const TensorView& x, const DenseFfnBuffers& buffers,
                      const TensorView& y, Kernels& kernels, Stream& stream);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_DENSE_FFN_H_
