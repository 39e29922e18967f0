#include "kernels/ref/ref_matrix.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/bf16_arithmetic.h"
#include "kernels/weights/pack.h"
#include "kernels/weights/quantize.h"

namespace foregate::internal {

RefMatrix::RefMatrix(const WeightMatrix& matrix, Bf16Products bf16_products)
    : matrix_(matrix), products_(matrix.format == WeightFormat::kBf16 ? bf16_products : Bf16Products::kChain) {
  const int64_t group = GroupInputs(matrix.format, matrix.num_inputs);
  for (int64_t n = 0; n < matrix.num_outputs; ++n) {
    for (int64_t k = 0; k < matrix.num_inputs; ++k) {
      if (!IsQuantized(matrix.format)) {
        values_.push_back(UnpackElement(matrix, n, k));
        continue;
      }
      integers_.push_back(UnpackInteger(matrix, n, k));
      if (k % group != 0) continue;
      scales_.push_back(UnpackScale(matrix, n, k));
      minima_.push_back(UnpackMinimum(matrix, n, k));
    }
  }
}

void RefMatrix::Apply(const float* x, float* out) const {
  if (IsQuantized(matrix_.format)) return ApplyQuantized(x, out);
  for (int64_t n = 0; n < matrix_.num_outputs; ++n) out[n] = Dot(x, values_.data() + n * matrix_.num_inputs);
}

float RefMatrix::Dot(const float* x, const float* row) const {
  const auto weight = [row](int64_t k) { return row[k]; };
  return Bf16Dot(products_, x, weight, matrix_.num_inputs);
}

void RefMatrix::ApplyQuantized(const float* x, float* out) const {
  const int64_t num_inputs = matrix_.num_inputs;
  const int64_t group = GroupInputs(matrix_.format, num_inputs);
  const int64_t num_groups = NumGroups(matrix_.format, num_inputs);
  std::vector<int8_t> quantized(static_cast<size_t>(num_inputs));
  std::vector<float> x_scales(static_cast<size_t>(num_groups));
  std::vector<int32_t> sums(static_cast<size_t>(num_groups));
  QuantizeActivations(x, num_inputs, group, quantized.data(), x_scales.data(), sums.data());
  for (int64_t n = 0; n < matrix_.num_outputs; ++n) {
    float acc = 0;
    for (int64_t g = 0; g < num_groups; ++g) {
      int32_t dot = 0;
      for (int64_t k = g * group; k < std::min(num_inputs, (g + 1) * group); ++k) {
        dot += quantized[static_cast<size_t>(k)] * integers_[static_cast<size_t>(n * num_inputs + k)];
      }
      const float x_scale = x_scales[static_cast<size_t>(g)];
      const auto at = static_cast<size_t>(n * num_groups + g);
      acc = std::fma(static_cast<float>(dot), x_scale * scales_[at], acc);
      if (!HasMinima(matrix_.format)) continue;
      const float x_sum = static_cast<float>(sums[static_cast<size_t>(g)]) * x_scale;
      acc = std::fma(x_sum, -minima_[at], acc);
    }
    out[n] = acc;
  }
}

}  // namespace foregate::internal
