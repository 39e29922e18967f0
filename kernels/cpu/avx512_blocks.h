// How AVX-512 multiplies the weights of GGUF's block formats, without VNNI and with it: V::Codebook and V::KQuant
// (int_panel_kernels.h, k_panel_kernels.h). The including file provides the intrinsics (avx512_vector.h).
#ifndef FOREGATE_KERNELS_CPU_AVX512_BLOCKS_H_
#define FOREGATE_KERNELS_CPU_AVX512_BLOCKS_H_

#include "kernels/api/block_formats.h"
#include "kernels/cpu/avx512_ints.h"
#include "kernels/cpu/avx512vnni_ints.h"

namespace foregate::internal {
namespace {

inline __m512i Avx512TableOf(const int8_t (&values)[16]) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
}

// Nibbles that index a table of bytes. Magnitudes are multiplied, the products of negative weights by inputs whose sign
// is turned: 2 * 127 * 127 fits the 16 bits of vpmaddubsw.
template <const int8_t (&kValues)[16]>
struct Avx512Codebook : Avx512Int4 {
  static constexpr int32_t kZeroPoint = 0;
  static constexpr bool kNarrow = false;

  static Weights Unpack(const uint8_t* from, int /*step*/) {
    const __m512i values = Avx512TableOf(kValues);
    return {_mm512_shuffle_epi8(values, Nibbles(from, 0)), _mm512_shuffle_epi8(values, Nibbles(from, 1))};
  }
  static Sums MulAdd(Sums sum, const Weights& w, const Inputs& x) {
    return _mm512_add_epi32(_mm512_add_epi32(sum, Product(w.low, x.low)), Product(w.high, x.high));
  }

 private:
  static Ints Product(const Ints& w, const Ints& x) {
    const Ints turned = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(w), Zero(), x);
    return _mm512_madd_epi16(_mm512_maddubs_epi16(_mm512_abs_epi8(w), turned), _mm512_set1_epi16(1));
  }
};

// vpdpbusd takes unsigned weights: the table is moved up by 128.
template <const int8_t (&kValues)[16]>
struct Avx512VnniCodebook : Avx512VnniInt4 {
  static constexpr int32_t kZeroPoint = 128;

  static Weights Unpack(const uint8_t* from, int step) {
    const __m512i values = _mm512_add_epi8(Avx512TableOf(kValues), _mm512_set1_epi8(-128));
    return _mm512_shuffle_epi8(values, Nibbles(from, step));
  }
};

// Base is Avx512Int4 or Avx512VnniInt4.
template <int kHighBits, typename Base>
struct Avx512KQuantOf : Base {
  using Block = KBlock<kHighBits>;
  using typename Base::Ints;

  static __m512 Scales(const uint8_t* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm512_cvtepi32_ps(Block::kHasMinima ? _mm512_cvtepu8_epi32(bytes) : _mm512_cvtepi8_epi32(bytes));
  }

 protected:
  // The codes of the first or the second four inputs of unit u.
  static Ints Codes(const uint8_t* group, int u, int half) {
    const Ints nibbles = Base::Nibbles(group + u * 64, half);
    if constexpr (kHighBits == 0) return nibbles;
    return _mm512_or_si512(nibbles, HighBits(_mm512_loadu_si512(group + Block::kHighBitsOffset), 2 * u + half));
  }

 private:
  // Field b of each byte, moved to bit 4. What crosses into a neighbouring byte is masked away.
  static Ints HighBits(const Ints& bits, int b) {
    const int shift = 4 - b * kHighBits;
    const Ints moved = shift >= 0 ? _mm512_slli_epi16(bits, shift) : _mm512_srli_epi16(bits, -shift);
    return _mm512_and_si512(moved, _mm512_set1_epi8(((1 << kHighBits) - 1) << 4));
  }
};

template <int kHighBits>
struct Avx512KQuant : Avx512KQuantOf<kHighBits, Avx512Int4> {
  using Of = Avx512KQuantOf<kHighBits, Avx512Int4>;
  // A product of vpmaddubsw is at most 2 * 63 * 127, and a unit adds two.
  static constexpr int kFoldUnits = 4 >> kHighBits;

  static Avx512Int4::Weights Unpack(const uint8_t* group, int64_t /*part*/, int u, int /*step*/) {
    return {Of::Codes(group, u, 0), Of::Codes(group, u, 1)};
  }
};

template <int kHighBits>
struct Avx512VnniKQuant : Avx512KQuantOf<kHighBits, Avx512VnniInt4> {
  using Of = Avx512KQuantOf<kHighBits, Avx512VnniInt4>;
  // Unpacking codes takes long enough that more rows repay what does not fit the registers.
  static constexpr int kTileRows = kHighBits == 2 ? 5 : 6;
  // Sums are of 32 bits at once: what is folded is the whole group.
  static constexpr int kFoldUnits = KBlock<kHighBits>::kUnits;

  static __m512i Unpack(const uint8_t* group, int64_t /*part*/, int u, int step) { return Of::Codes(group, u, step); }
  static __m512i AddNarrow(const __m512i& total, const __m512i& sum) { return _mm512_add_epi32(total, sum); }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512_BLOCKS_H_
