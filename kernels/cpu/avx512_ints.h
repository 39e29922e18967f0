// How AVX-512 multiplies quantized weights, without VNNI (F and BW) and with it: Q of int_panel_kernels.h. The
// including file provides the intrinsics (avx512_vector.h).
#ifndef FOREGATE_KERNELS_CPU_AVX512_INTS_H_
#define FOREGATE_KERNELS_CPU_AVX512_INTS_H_

#include <cstdint>

namespace foregate::internal {
namespace {

struct Avx512Ints {
  using Ints = __m512i;
  using Sums = __m512i;
  static constexpr int kLanes = 16;
  static constexpr int kStreamRows = 4;
  // 16 sums, the weights of 4 panels and an input fit 32 registers.
  static constexpr int kTileRows = 4;
  static constexpr int TilePanels(int /*rows*/) { return 4; }
  // One stream reads fastest, but the sums of one row and one panel wait for each other.
  static constexpr int StreamPanels(int rows) { return rows == 1 ? 2 : 1; }

  static Ints Zero() { return _mm512_setzero_si512(); }
  static Ints Set(int32_t value) { return _mm512_set1_epi32(value); }
  static __m512 ToFloats(Ints a) { return _mm512_cvtepi32_ps(a); }

  // The largest magnitude as bits, which order as magnitudes do and put infinity and NaN above all.
  static uint32_t LargestMagnitudeBits(const float* x, int64_t n) {
    const __m512i mask = _mm512_set1_epi32(0x7fffffff);
    __m512i largest = Zero();
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      largest = _mm512_max_epu32(largest, _mm512_and_si512(_mm512_loadu_si512(x + i), mask));
    }
    uint32_t lanes[kLanes];
    _mm512_storeu_si512(lanes, largest);
    uint32_t result = 0;
    for (const uint32_t lane : lanes) result = lane > result ? lane : result;
    for (; i < n; ++i) {
      uint32_t bits;
      __builtin_memcpy(&bits, x + i, sizeof bits);
      bits &= 0x7fffffffu;
      result = bits > result ? bits : result;
    }
    return result;
  }

  // values = round_to_even(x * inverse); returns their sum.
  static int32_t RoundRow(const float* x, int64_t n, float inverse, int8_t* values) {
    const __m512 factor = _mm512_set1_ps(inverse);
    __m512i sums = Zero();
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), factor));
      sums = _mm512_add_epi32(sums, rounded);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i), _mm512_cvtepi32_epi8(rounded));
    }
    int32_t lanes[kLanes];
    _mm512_storeu_si512(lanes, sums);
    int32_t sum = 0;
    for (const int32_t lane : lanes) sum += lane;
    for (; i < n; ++i) {
      values[i] = static_cast<int8_t>(_mm_cvtss_si32(_mm_set_ss(x[i] * inverse)));
      sum += values[i];
    }
    return sum;
  }

 protected:
  static Ints LoadBytes(const uint8_t* from) { return _mm512_loadu_si512(from); }
  template <typename T>
  static Ints BroadcastFour(const T* from) {
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
  }
};

// Bytes of a quad (k0 k1 k2 k3) as the pairs (k0, k2) and (k1, k3) of 16 bits, which vpmaddwd multiplies and adds
// exactly; vpmaddubsw would saturate.
struct Avx512Int8 : Avx512Ints {
  struct Weights {
    __m512i even, odd;
  };
  using Inputs = Weights;
  static constexpr int64_t kUnitInputs = 4;
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 128;
  static constexpr bool kNarrow = false;
  static constexpr bool kPrepares = true;
  // Pairs as they are multiplied: k0 k2 k1 k3.
  using Prepared = int16_t;

  static Weights Unpack(const uint8_t* from, int /*step*/) {
    const __m512i bytes = LoadBytes(from);
    return {_mm512_and_si512(bytes, _mm512_set1_epi16(0x00ff)), _mm512_srli_epi16(bytes, 8)};
  }
  static Inputs Broadcast(const int8_t* x, int /*step*/) {
    const __m512i bytes = BroadcastFour(x);
    return {_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8), _mm512_srai_epi16(bytes, 8)};
  }
  static Inputs Broadcast(const int16_t* x, int /*step*/) { return {BroadcastFour(x), BroadcastFour(x + 2)}; }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) {
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(w.even, x.even));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(w.odd, x.odd));
  }
  static void Prepare(const int8_t* x, int64_t num_units, int16_t* to) {
    for (int64_t u = 0; u < num_units; ++u) {
      for (int j = 0; j < 4; ++j) to[u * 4 + j] = x[u * 4 + (j & 1) * 2 + j / 2];
    }
  }
};

// Nibbles times bytes: a product of vpmaddubsw is at most 2 * 15 * 127, so 16 bits hold the sum of eight: 32 inputs.
struct Avx512Int4 : Avx512Ints {
  struct Weights {
    __m512i low, high;
  };
  using Inputs = Weights;
  static constexpr int64_t kUnitInputs = 8;
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 8;
  static constexpr bool kNarrow = true;
  static constexpr bool kPrepares = false;
  using Prepared = int8_t;

  // The low nibbles of a unit, or the high ones.
  static Ints Nibbles(const uint8_t* from, int half) {
    const __m512i bytes = LoadBytes(from);
    return _mm512_and_si512(half == 0 ? bytes : _mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(0x0f));
  }
  static Weights Unpack(const uint8_t* from, int /*step*/) { return {Nibbles(from, 0), Nibbles(from, 1)}; }
  static Inputs Broadcast(const int8_t* x, int /*step*/) { return {BroadcastFour(x), BroadcastFour(x + 4)}; }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) {
    sum = _mm512_add_epi16(sum, _mm512_maddubs_epi16(w.low, x.low));
    return _mm512_add_epi16(sum, _mm512_maddubs_epi16(w.high, x.high));
  }
  static Ints MulAddWide(Ints total, Weights w, Inputs x) {
    const Ints pairs = _mm512_add_epi16(_mm512_maddubs_epi16(w.low, x.low), _mm512_maddubs_epi16(w.high, x.high));
    return _mm512_add_epi32(total, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  static Ints AddNarrow(Ints total, Sums sum) {
    return _mm512_add_epi32(total, _mm512_madd_epi16(sum, _mm512_set1_epi16(1)));
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512_INTS_H_
