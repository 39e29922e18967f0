// The inner kernels for AVX2, FMA and F16C. Includes no standard C++ header with code (see lane_kernels.h).
#include <immintrin.h>

#include "kernels/cpu/avx2_blocks.h"
#include "kernels/cpu/avx2_ints.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Avx2Vector {
  static constexpr int kLanes = 8;
  static constexpr int kParts = 2;
  // Tiles of float panels: 12 sums, two weights, a broadcast and a mask are the 16 registers there are.
  static constexpr int kMaxSums = 12;
  static constexpr int kTileRows = 6;
  static constexpr int kTilePanels = 1;
  // Below 7 rows a panel takes longer to arrive than to be multiplied.
  static constexpr int kFewRows = 6;
  // Half of a Zen core's L2.
  static constexpr int64_t kPackedBytes = 256 << 10;
  // How far ahead of its use each of some streams is prefetched. Measured on Zen 3, one thread, huge pages: bf16, 1 row
  // (4 streams) reads at 0.86 of the read bandwidth without, 0.92 with 512 bytes, 0.80 with 2048; 4 rows (1 stream) at
  // 0.55 without, 0.62 with 512, 0.76 with 4096. 4 and 8 bits alike; there, prefetching only some lines misleads the
  // processor's own prefetchers.
  static constexpr int64_t StreamAhead(int streams, int64_t /*panel_stride*/) {
    return streams >= 4 ? 512 : streams == 2 ? 1024 : 4096;
  }
  using Part = __m256;
  using Int8 = Avx2Int8;
  using Int4 = Avx2Int4;
  template <const int8_t (&kValues)[16]>
  using Codebook = Avx2Codebook<kValues>;
  template <int kHighBits>
  using KQuant = Avx2KQuant<kHighBits>;

  static Part Set(float value) { return _mm256_set1_ps(value); }
  static Part Load(const float* from) { return _mm256_loadu_ps(from); }
  static Part Load(const Bf16* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static Part Load(const F16* from) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))); }
  static void Store(float* to, Part a) { _mm256_storeu_ps(to, a); }
  static Part Fma(Part a, Part b, Part c) { return _mm256_fmadd_ps(a, b, c); }
  // As an instruction, because g++ 12 prefers the forms that overwrite a factor and then moves sums to memory: a third
  // of the speed of a full tile.
  static void AddProduct(Part a, Part b, Part& sum) { asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b)); }
  // bf16 pairs, widened: the first and the second of each.
  static Part LoadLowHalves(const char* pairs) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
  }
  static Part LoadHighHalves(const char* pairs) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs));
    return _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static Part Add(Part a, Part b) { return _mm256_add_ps(a, b); }
  static Part Sub(Part a, Part b) { return _mm256_sub_ps(a, b); }
  static Part Mul(Part a, Part b) { return _mm256_mul_ps(a, b); }
  static Part Div(Part a, Part b) { return _mm256_div_ps(a, b); }
  static Part Negate(Part a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
  // The instruction returns its second operand when either is NaN, which is the written rule.
  static Part Max(Part bound, Part x) { return _mm256_max_ps(bound, x); }
  static Part Min(Part bound, Part x) { return _mm256_min_ps(bound, x); }
  static Part FirstOf(int64_t count, Part first, Part rest) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), index);
    return _mm256_blendv_ps(rest, first, _mm256_castsi256_ps(mask));
  }
  static float Sqrt(float value) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value))); }
  static float Reduce(const Part (&sums)[kParts]) {
    const __m256 eight = _mm256_add_ps(sums[0], sums[1]);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static Part ScaleByExponent(Part p, Part shifted) {
    const __m256i exponent =
        _mm256_sub_epi32(_mm256_castps_si256(shifted), _mm256_castps_si256(_mm256_set1_ps(kRoundToInteger)));
    const __m256i half = _mm256_srai_epi32(exponent, 1);
    return _mm256_mul_ps(_mm256_mul_ps(p, Power(half)), Power(_mm256_sub_epi32(exponent, half)));
  }

 private:
  static Part Power(__m256i exponent) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(exponent, _mm256_set1_epi32(127)), 23));
  }
};

constexpr IsaTable kTable = LaneKernels<Avx2Vector>::Table("avx2");

}  // namespace

const IsaTable& Avx2Table() { return kTable; }

}  // namespace foregate::internal
