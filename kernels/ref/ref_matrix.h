// A packed weight matrix, unpacked element by element, and its product with one row as the written arithmetic says.
#ifndef FOREGATE_KERNELS_REF_REF_MATRIX_H_
#define FOREGATE_KERNELS_REF_REF_MATRIX_H_

#include <cstdint>
#include <vector>

#include "kernels/api/weight_matrix.h"
#include "kernels/base/bf16_products.h"

namespace foregate::internal {

class RefMatrix {
 public:
  // `matrix` is host memory.
  RefMatrix(const WeightMatrix& matrix, Bf16Products bf16_products);
  // out[n] = dot(x, row n); x [K], out [N].
  void Apply(const float* x, float* out) const;

 private:
  float Dot(const float* x, const float* row) const;
  void ApplyQuantized(const float* x, float* out) const;

  const WeightMatrix matrix_;
  const Bf16Products products_;    // kChain for all formats but bf16
  std::vector<float> values_;      // [N, K] of a float format
  std::vector<int32_t> integers_;  // [N, K] of a quantized format
  std::vector<float> scales_;      // [N, groups]
  std::vector<float> minima_;      // [N, groups]; 0 where the format has none
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_REF_MATRIX_H_
