// 16 lanes of f32 in one AVX-512 register: V of lane_kernels.h and float_panel_kernels.h. The including file provides
// the intrinsics, F, BW, DQ and VL: the processor's (avx512_intrinsics.h) or, in tests, emulated ones.
#ifndef FOREGATE_KERNELS_CPU_AVX512_VECTOR_H_
#define FOREGATE_KERNELS_CPU_AVX512_VECTOR_H_

#include <cstdint>

#include "kernels/base/exp_polynomial.h"
#include "kernels/cpu/isa_table.h"

namespace foregate::internal {
namespace {

struct Avx512Vector {
  static constexpr int kLanes = 16;
  static constexpr int kParts = 1;
  // Tiles of float panels: 24 sums, 2 to 4 weights, a broadcast and a mask fit 32 registers.
  static constexpr int kMaxSums = 24;
  static constexpr int kTileRows = 12;
  static constexpr int kTilePanels = 2;
  static constexpr int kFewRows = 6;
  // At most half of the L2 of cores with AVX-512.
  static constexpr int64_t kPackedBytes = 512 << 10;
  // How far ahead of its use each of some streams is prefetched. Measured on Zen 5, two threads, 1 row (4 streams):
  // with 1024 bytes q4_k and q6_k read 1.2 times as fast as with 512, the others alike; 2048 and 4096 are no better.
  static constexpr int64_t StreamAhead(int /*streams*/, int64_t panel_stride) { return panel_stride; }
  using Part = __m512;

  static Part Set(float value) { return _mm512_set1_ps(value); }
  static Part Load(const float* from) { return _mm512_loadu_ps(from); }
  static Part Load(const Bf16* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static Part Load(const F16* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static void Store(float* to, Part a) { _mm512_storeu_ps(to, a); }
  static Part Fma(Part a, Part b, Part c) { return _mm512_fmadd_ps(a, b, c); }
  static void AddProduct(Part a, Part b, Part& sum) { sum = _mm512_fmadd_ps(a, b, sum); }
  // bf16 pairs, widened: the first and the second of each.
  static Part LoadLowHalves(const char* pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(pairs), 16));
  }
  static Part LoadHighHalves(const char* pairs) {
    const __m512i mask = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(pairs), mask));
  }
  static Part Add(Part a, Part b) { return _mm512_add_ps(a, b); }
  static Part Sub(Part a, Part b) { return _mm512_sub_ps(a, b); }
  static Part Mul(Part a, Part b) { return _mm512_mul_ps(a, b); }
  static Part Div(Part a, Part b) { return _mm512_div_ps(a, b); }
  static Part Negate(Part a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
  // The instruction returns its second operand when either is NaN, which is the written rule.
  static Part Max(Part bound, Part x) { return _mm512_max_ps(bound, x); }
  static Part Min(Part bound, Part x) { return _mm512_min_ps(bound, x); }
  static Part FirstOf(int64_t count, Part first, Part rest) {
    const auto mask = static_cast<__mmask16>((uint32_t{1} << count) - 1);
    return _mm512_mask_blend_ps(mask, rest, first);
  }
  static float Sqrt(float value) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value))); }
  static float Reduce(const Part (&sums)[kParts]) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums[0]), _mm512_extractf32x8_ps(sums[0], 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static Part ScaleByExponent(Part p, Part shifted) {
    return _mm512_scalef_ps(p, _mm512_sub_ps(shifted, _mm512_set1_ps(kRoundToInteger)));
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512_VECTOR_H_
