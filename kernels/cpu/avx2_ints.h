// How AVX2 multiplies quantized weights: Q of int_panel_kernels.h. Included by files compiled for AVX2 only.
#ifndef FOREGATE_KERNELS_CPU_AVX2_INTS_H_
#define FOREGATE_KERNELS_CPU_AVX2_INTS_H_

#include <immintrin.h>

#include <cstdint>

namespace foregate::internal {
namespace {

struct Avx2Ints {
  using Ints = __m256i;
  static constexpr int kLanes = 8;
  static constexpr int kStreamRows = 4;
  // Sums of 4 tiles of 2 registers leave half of the 16 registers to weights and inputs.
  static constexpr int kTileRows = 4;
  static constexpr int TilePanels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static constexpr int StreamPanels(int rows) { return TilePanels(rows); }

  static Ints Zero() { return _mm256_setzero_si256(); }
  static Ints Set(int32_t value) { return _mm256_set1_epi32(value); }
  static __m256 ToFloats(Ints a) { return _mm256_cvtepi32_ps(a); }

 protected:
  static Ints LoadBytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  // Additions by name: of its own intrinsics g++ reorders the sums of a whole tile and keeps the products in memory
  // meanwhile, which takes half of the speed.
  static void Add32(Ints& sum, Ints a) { asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(a)); }
  static void Add16(Ints& sum, Ints a) { asm("vpaddw %1, %0, %0" : "+x"(sum) : "x"(a)); }
  template <typename T>
  static Ints BroadcastFour(const T* from) {
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm256_set1_epi32(word);
  }
};

// Bytes of a quad (k0 k1 k2 k3) as the pairs (k0, k2) and (k1, k3) of 16 bits, which vpmaddwd multiplies and adds
// exactly; vpmaddubsw would saturate.
struct Avx2Int8 : Avx2Ints {
  using Sums = __m256i;
  struct Weights {
    __m256i even, odd;
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
    const __m256i bytes = LoadBytes(from);
    return {_mm256_and_si256(bytes, _mm256_set1_epi16(0x00ff)), _mm256_srli_epi16(bytes, 8)};
  }
  static Inputs Broadcast(const int8_t* x, int /*step*/) {
    const __m256i bytes = BroadcastFour(x);
    return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
  }
  static Inputs Broadcast(const int16_t* x, int /*step*/) { return {BroadcastFour(x), BroadcastFour(x + 2)}; }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) {
    Add32(sum, _mm256_madd_epi16(w.even, x.even));
    Add32(sum, _mm256_madd_epi16(w.odd, x.odd));
    return sum;
  }
  static void Prepare(const int8_t* x, int64_t num_units, int16_t* to) {
    const __m256i order = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,  //
                                           0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    int64_t u = 0;
    for (; u + 4 <= num_units; u += 4) {
      const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + u * 4)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + u * 4), _mm256_shuffle_epi8(wide, order));
    }
    for (; u < num_units; ++u) {
      for (int j = 0; j < 4; ++j) to[u * 4 + j] = x[u * 4 + (j & 1) * 2 + j / 2];
    }
  }

  // The largest magnitude as bits, which order as magnitudes do and put infinity and NaN above all.
  static uint32_t LargestMagnitudeBits(const float* x, int64_t n) {
    const __m256i mask = _mm256_set1_epi32(0x7fffffff);
    __m256i largest[2] = {Zero(), Zero()};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
      for (int j = 0; j < 2; ++j) {
        const auto* from = reinterpret_cast<const __m256i*>(x + i + j * 8);
        largest[j] = _mm256_max_epu32(largest[j], _mm256_and_si256(_mm256_loadu_si256(from), mask));
      }
    }
    uint32_t lanes[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), _mm256_max_epu32(largest[0], largest[1]));
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
    const __m256 factor = _mm256_set1_ps(inverse);
    const auto round = [&](const float* from) {
      return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from), factor));
    };
    // Packing works in halves of 128 bits: this puts the words back in order.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i sums = Zero();
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
      const __m256i low = _mm256_packs_epi32(round(x + i), round(x + i + 8));
      const __m256i high = _mm256_packs_epi32(round(x + i + 16), round(x + i + 24));
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + i),
                          _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
    }
    // The groups of q6_k.
    for (; i + 16 <= n; i += 16) {
      const __m256i words = _mm256_packs_epi32(round(x + i), round(x + i + 8));
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
      const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, words), order);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i), _mm256_castsi256_si128(bytes));
    }
    int32_t lanes[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sums);
    int32_t sum = 0;
    for (const int32_t lane : lanes) sum += lane;
    for (; i < n; ++i) {
      values[i] = static_cast<int8_t>(_mm_cvtss_si32(_mm_set_ss(x[i] * inverse)));
      sum += values[i];
    }
    return sum;
  }
};

// Nibbles times bytes: a product of vpmaddubsw is at most 2 * 15 * 127, so 16 bits hold the sum of eight: 32 inputs.
struct Avx2Int4 : Avx2Ints {
  using Sums = __m256i;
  struct Weights {
    __m256i low, high;
  };
  using Inputs = Weights;
  static constexpr int64_t kUnitInputs = 8;
  static constexpr int kSteps = 1;
  static constexpr int32_t kZeroPoint = 8;
  static constexpr bool kNarrow = true;
  static constexpr bool kPrepares = false;
  using Prepared = int8_t;

  static Weights Unpack(const uint8_t* from, int /*step*/) {
    const __m256i bytes = LoadBytes(from);
    const __m256i mask = _mm256_set1_epi8(0x0f);
    return {_mm256_and_si256(bytes, mask), _mm256_and_si256(_mm256_srli_epi16(bytes, 4), mask)};
  }
  static Inputs Broadcast(const int8_t* x, int /*step*/) { return {BroadcastFour(x), BroadcastFour(x + 4)}; }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) {
    Add16(sum, _mm256_maddubs_epi16(w.low, x.low));
    Add16(sum, _mm256_maddubs_epi16(w.high, x.high));
    return sum;
  }
  static Ints MulAddWide(Ints total, Weights w, Inputs x) {
    __m256i pairs = _mm256_maddubs_epi16(w.low, x.low);
    Add16(pairs, _mm256_maddubs_epi16(w.high, x.high));
    Add32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    return total;
  }
  static Ints AddNarrow(Ints total, Sums sum) {
    return _mm256_add_epi32(total, _mm256_madd_epi16(sum, _mm256_set1_epi16(1)));
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX2_INTS_H_
