// How AVX-512 with VNNI multiplies quantized weights: vpdpbusd multiplies a quad of unsigned weights by a quad of
// signed inputs and adds the four products to 32 bits, exactly. Q of int_panel_kernels.h; the including file provides
// the intrinsics (avx512_vector.h).
#ifndef FOREGATE_KERNELS_CPU_AVX512VNNI_INTS_H_
#define FOREGATE_KERNELS_CPU_AVX512VNNI_INTS_H_

#include <cstdint>

#include "kernels/cpu/avx512_ints.h"

namespace foregate::internal {
namespace {

struct Avx512VnniInt8 : Avx512Ints {
  using Weights = __m512i;
  using Inputs = __m512i;
  static constexpr int64_t kUnitInputs = 4;
  static constexpr int32_t kZeroPoint = 128;
  static constexpr bool kNarrow = false;
  static constexpr bool kPrepares = false;
  using Prepared = int8_t;
  // 24 sums, 4 weights and an input.
  static constexpr int kTileRows = 6;

  static Weights Unpack(const uint8_t* from) { return LoadBytes(from); }
  static Inputs Broadcast(const int8_t* x) { return BroadcastFour(x); }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) { return _mm512_dpbusd_epi32(sum, w, x); }
};

struct Avx512VnniInt4 : Avx512Ints {
  struct Weights {
    __m512i low, high;
  };
  using Inputs = Weights;
  static constexpr int64_t kUnitInputs = 8;
  static constexpr int32_t kZeroPoint = 8;
  static constexpr bool kNarrow = false;
  static constexpr bool kPrepares = false;
  using Prepared = int8_t;

  static Weights Unpack(const uint8_t* from) {
    const __m512i bytes = LoadBytes(from);
    const __m512i mask = _mm512_set1_epi8(0x0f);
    return {_mm512_and_si512(bytes, mask), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask)};
  }
  static Inputs Broadcast(const int8_t* x) { return {BroadcastFour(x), BroadcastFour(x + 4)}; }
  static Sums MulAdd(Sums sum, const Weights& w, const Inputs& x) {
    return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, w.low, x.low), w.high, x.high);
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512VNNI_INTS_H_
