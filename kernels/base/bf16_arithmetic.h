// The written arithmetic of products with bf16 weights where an instruction takes bf16 activations (docs/adr/0017),
// after Intel's description of vdpbf16ps and tdpbf16ps. A path is right when it gives these bits.
//
// Both round activations to bf16, read subnormals as zeros of their sign, flush subnormal results to such zeros, and
// round every step to nearest even whatever MXCSR says; `fma` rounds once. They differ in the order of a sum:
//   bf16.pairs.v1  one chain from +0 over pairs of inputs, the odd input of a pair before the even one
//   bf16.tiles.v1  blocks of 32 inputs: a chain over the even inputs and one over the odd, each from +0, are added to
//                  each other, then to the output
// Inputs that the last pair or block lacks count as +0 times +0. Which NaN comes out is not written.
#ifndef FOREGATE_KERNELS_BASE_BF16_ARITHMETIC_H_
#define FOREGATE_KERNELS_BASE_BF16_ARITHMETIC_H_

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/base/arithmetic.h"
#include "kernels/base/bf16_products.h"
#include "kernels/base/float_types.h"

namespace foregate {

inline float FlushSubnormal(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return (bits & 0x7f800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u) : x;
}

// An activation as the products see it.
inline float RoundToBf16(float x) { return Bf16ToF32(F32ToBf16(FlushSubnormal(x))); }

inline float FlushedAdd(float a, float b) {
  // A subnormal sum of normal numbers is exact.
  return FlushSubnormal(FlushSubnormal(a) + FlushSubnormal(b));
}

// `a` and `b` hold bf16 values.
inline float FlushedFma(float a, float b, float c) {
  a = FlushSubnormal(a);
  b = FlushSubnormal(b);
  c = FlushSubnormal(c);
  // A result is flushed when it is below 2^-126 after rounding to 24 bits, which is finer there than a subnormal's
  // last bit. The product is exact in double; where the sum is not, it is far from this bound.
  const double exact = static_cast<double>(a) * static_cast<double>(b) + static_cast<double>(c);
  constexpr double kSmallest = 0x1p-126 - 0x1p-151;
  if (exact != 0 && std::abs(exact) < kSmallest) return exact < 0 ? -0.0f : 0.0f;
  return std::fma(a, b, c);
}

inline constexpr int64_t kBf16TileInputs = 32;

// `w` yields f32 from bf16; the sum starts from +0.
template <typename W>
float Bf16PairsDot(const float* x, W w, int64_t k_end) {
  float sum = 0;
  for (int64_t k = 0; k < k_end; k += 2) {
    sum = k + 1 < k_end ? FlushedFma(RoundToBf16(x[k + 1]), w(k + 1), sum) : FlushedFma(0, 0, sum);
    sum = FlushedFma(RoundToBf16(x[k]), w(k), sum);
  }
  return sum;
}

template <typename W>
float Bf16TilesDot(const float* x, W w, int64_t k_end) {
  float sum = 0;
  for (int64_t block = 0; block < k_end; block += kBf16TileInputs) {
    float chains[2] = {};
    for (int64_t k = block; k < block + kBf16TileInputs; ++k) {
      float& chain = chains[k % 2];
      chain = k < k_end ? FlushedFma(RoundToBf16(x[k]), w(k), chain) : FlushedFma(0, 0, chain);
    }
    sum = FlushedAdd(sum, FlushedAdd(chains[0], chains[1]));
  }
  return sum;
}

// A dot product with bf16 values in the arithmetic that `products` names.
template <typename W>
float Bf16Dot(Bf16Products products, const float* x, W w, int64_t k_end) {
  switch (products) {
    case Bf16Products::kPairs:
      return Bf16PairsDot(x, w, k_end);
    case Bf16Products::kTiles:
      return Bf16TilesDot(x, w, k_end);
    case Bf16Products::kChain:
      break;
  }
  return ChainDot(x, w, k_end);
}

}  // namespace foregate

#endif  // FOREGATE_KERNELS_BASE_BF16_ARITHMETIC_H_
