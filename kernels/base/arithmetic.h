// The written arithmetic of the CPU backends, "f32.seq.fma.v2" (docs/adr/0005): the order and the roundings of every
// sum, product and exponential. A path is right when it gives these bits.
//
// Everything is IEEE binary32, rounded to nearest even, subnormals kept (flush-to-zero off). `fma` rounds once. Which
// NaN comes out is not written; that a NaN comes out is.
#ifndef FOREGATE_KERNELS_BASE_ARITHMETIC_H_
#define FOREGATE_KERNELS_BASE_ARITHMETIC_H_

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/base/bf16_products.h"
#include "kernels/base/exp_polynomial.h"

namespace foregate {

// Of the paths whose products with bf16 weights are chains of f32, too.
inline constexpr const char* kCpuNumericContract = CpuNumericContract(Bf16Products::kChain);

// A dot product is one chain: from +0, k ascending. Products with quantized weights: kernels/weights/quantize.h.
// `w` yields f32.
template <typename W>
float ChainDot(const float* x, W w, int64_t k_end) {
  float sum = 0;
  for (int64_t k = 0; k < k_end; ++k) sum = std::fma(x[k], w(k), sum);
  return sum;
}

// Sums of one vector's elements, and sums of squares, run in 16 lanes: element k goes to lane k mod 16, each lane in
// ascending k. A lane without an element is not touched (adding +0 could turn -0 into +0).
inline constexpr int kLanes = 16;
using LaneSums = std::array<float, kLanes>;

// 16 -> 8 -> 4 -> 2 -> 1, adding the upper half to the lower.
inline float ReduceLanes(LaneSums lanes) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) {
      const auto i = static_cast<size_t>(lane);
      lanes[i] += lanes[i + static_cast<size_t>(half)];
    }
  }
  return lanes[0];
}

// Sum of x[k] * w(k) in lanes, starting from +0; `w` yields f32.
template <typename W>
float LaneDot(const float* x, W w, int64_t k_end) {
  LaneSums lanes = {};
  for (int64_t k = 0; k < k_end; ++k) {
    float& lane = lanes[static_cast<size_t>(k % kLanes)];
    lane = std::fma(x[k], w(k), lane);
  }
  return ReduceLanes(lanes);
}

inline float LaneSum(const float* x, int64_t n) {
  LaneSums lanes = {};
  for (int64_t i = 0; i < n; ++i) lanes[static_cast<size_t>(i % kLanes)] += x[i];
  return ReduceLanes(lanes);
}

// The larger; `x` when either is NaN.
inline float MaxOf(float bound, float x) { return bound > x ? bound : x; }
// The smaller; `x` when either is NaN.
inline float MinOf(float bound, float x) { return bound < x ? bound : x; }

// Maximum of n >= 1 elements. Exact whatever the order, unless an element is NaN: then the result is unspecified, but
// the softmax over these elements is NaN all the same.
inline float MaxElement(const float* x, int64_t n) {
  float maximum = x[0];
  for (int64_t i = 1; i < n; ++i) maximum = MaxOf(maximum, x[i]);
  return maximum;
}

// e^x to 1 ulp (0.83 measured, arithmetic_test.cc). 0 below -104, +inf from 88.73, NaN for NaN; Exp(0) is 1.
inline float Exp(float x) {
  using namespace internal;
  x = MinOf(kExpMax, MaxOf(kExpMin, x));
  const float shifted = std::fma(x, kLog2E, kRoundToInteger);
  const float n = shifted - kRoundToInteger;
  float r = std::fma(n, -kLn2High, x);
  r = std::fma(n, -kLn2Low, r);
  float p = kExpCoefficients[kNumExpCoefficients - 1];
  for (int i = kNumExpCoefficients - 2; i >= 0; --i) p = std::fma(p, r, kExpCoefficients[i]);
  p = std::fma(p, r, 1.0f);
  p = std::fma(p, r, 1.0f);
  // 2^n in two factors, both normal numbers: the first product is exact, the second rounds once (to a subnormal).
  const int32_t exponent =
      static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRoundToInteger));
  const int32_t half = exponent >> 1;
  const auto power = [](int32_t e) { return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23); };
  return p * power(half) * power(exponent - half);
}

inline float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }
inline float Silu(float x) { return x / (1.0f + Exp(-x)); }

}  // namespace foregate

#endif  // FOREGATE_KERNELS_BASE_ARITHMETIC_H_
