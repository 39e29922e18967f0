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
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 128;
  static constexpr bool kNarrow = false;
  static constexpr bool kPrepares = false;
  using Prepared = int8_t;
  static constexpr int kStreamRows = 6;
  // 24 sums, 4 weights and an input fit the registers.
  static constexpr int kTileRows = 6;

  static Weights Unpack(const uint8_t* from, int /*step*/) { return LoadBytes(from); }
  static Inputs Broadcast(const int8_t* x, int /*step*/) { return BroadcastFour(x); }
  static Sums MulAdd(Sums sum, const Weights& w, const Inputs& x) {
    AddQuads(w, x, sum);
    return sum;
  }
};

// Nibbles as Avx512Int4 unpacks them, the low ones of a unit, then the high ones; the sums are of 32 bits at once.
struct Avx512VnniInt4 : Avx512Int4 {
  using Weights = __m512i;
  using Inputs = __m512i;
  static constexpr int kSteps = 2;
  static constexpr bool kNarrow = false;
  static constexpr int kStreamRows = 6;
  // The 12 sums of three rows and what they are added to after a group fit the registers. On Zen 5 and weights in the
  // L2 three rows reach 0.88 of the peak in groups of 128 and 0.76 in groups of 32, six rows 0.79 and 0.63.
  static constexpr int kTileRows = 3;

  static Weights Unpack(const uint8_t* from, int step) { return Nibbles(from, step); }
  static Inputs Broadcast(const int8_t* x, int step) { return BroadcastFour(x + step * 4); }
  static Sums MulAdd(Sums sum, const Weights& w, const Inputs& x) {
    AddQuads(w, x, sum);
    return sum;
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512VNNI_INTS_H_
