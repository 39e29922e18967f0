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

// Nibbles as Avx512Int4 unpacks them; the sums are of 32 bits at once.
struct Avx512VnniInt4 : Avx512Int4 {
  static constexpr bool kNarrow = false;

  static Sums MulAdd(Sums sum, const Weights& w, const Inputs& x) {
    return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, w.low, x.low), w.high, x.high);
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512VNNI_INTS_H_
