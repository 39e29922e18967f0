// A packed weight matrix, unpacked element by element, and its product with one row as the written arithmetic says.
#ifndef FOREGATE_KERNELS_REF_REF_MATRIX_H_
#define FOREGATE_KERNELS_REF_REF_MATRIX_H_

#include <cstdint>
#include <vector>

#include "kernels/api/weight_matrix.h"

namespace foregate::internal {

class RefMatrix {
 public:
  // `matrix` is host memory.
  explicit RefMatrix(const WeightMatrix& matrix);
  // out[n] = dot(x, row n); x [K], out [N].
  void Apply(const float* x, float* out) const;

 private:
  void ApplyQuantized(const float* x, float* out) const;

  const WeightMatrix matrix_;
  std::vector<float> values_;      // [N, K] of a float format
  std::vector<int32_t> integers_;  // [N, K] of a quantized format
  std::vector<float> scales_;      // [N, groups]
  std::vector<float> minima_;      // [N, groups]; 0 where the format has none
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_REF_MATRIX_H_
