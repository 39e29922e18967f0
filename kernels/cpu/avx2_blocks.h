// How AVX2 multiplies the weights of GGUF's block formats: V::Codebook and V::KQuant (int_panel_kernels.h,
// k_panel_kernels.h). Included by files compiled for AVX2 only.
#ifndef FOREGATE_KERNELS_CPU_AVX2_BLOCKS_H_
#define FOREGATE_KERNELS_CPU_AVX2_BLOCKS_H_

#include "kernels/api/block_formats.h"
#include "kernels/cpu/avx2_ints.h"

namespace foregate::internal {
namespace {

// Nibbles that index a table of bytes, which are multiplied as magnitudes, the inputs taking their signs: 2 * 127 * 127
// fits the 16 bits of vpmaddubsw.
template <const int8_t (&kValues)[16]>
struct Avx2Codebook : Avx2Int4 {
  static constexpr int32_t kZeroPoint = 0;
  static constexpr bool kNarrow = false;

  static Weights Unpack(const uint8_t* from, int /*step*/) {
    const Weights nibbles = Avx2Int4::Unpack(from, 0);
    const __m256i values = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kValues)));
    return {_mm256_shuffle_epi8(values, nibbles.low), _mm256_shuffle_epi8(values, nibbles.high)};
  }
  static Sums MulAdd(Sums sum, Weights w, Inputs x) {
    Add32(sum, Product(w.low, x.low));
    Add32(sum, Product(w.high, x.high));
    return sum;
  }

 private:
  static Ints Product(Ints w, Ints x) {
    const Ints pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  }
};

template <int kHighBits>
struct Avx2KQuant : Avx2Int4 {
  using Block = KBlock<kHighBits>;
  // A product of vpmaddubsw is at most 2 * 63 * 127, and a unit adds two.
  static constexpr int kFoldUnits = 4 >> kHighBits;

  static Weights Unpack(const uint8_t* group, int64_t part, int u, int /*step*/) {
    Weights w = Avx2Int4::Unpack(group + u * 64 + part, 0);
    if constexpr (kHighBits > 0) {
      const Ints bits = LoadBytes(group + Block::kHighBitsOffset + part);
      w.low = _mm256_or_si256(w.low, HighBits(bits, 2 * u));
      w.high = _mm256_or_si256(w.high, HighBits(bits, 2 * u + 1));
    }
    return w;
  }
  static __m256 Scales(const uint8_t* from) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    return _mm256_cvtepi32_ps(Block::kHasMinima ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes));
  }

 private:
  // Field b of each byte, moved to bit 4. What crosses into a neighbouring byte is masked away.
  static Ints HighBits(Ints bits, int b) {
    const int shift = 4 - b * kHighBits;
    const Ints moved = shift >= 0 ? _mm256_slli_epi16(bits, shift) : _mm256_srli_epi16(bits, -shift);
    return _mm256_and_si256(moved, _mm256_set1_epi8(((1 << kHighBits) - 1) << 4));
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX2_BLOCKS_H_
