// Facts of the weight formats that hold GGUF's block types (weight_matrix.h): the values of nibbles in iq4_nl and
// mxfp4, and the blocks of which panels in q4_k, q5_k and q6_k are made. Plain C++ only: files compiled for wide
// instruction sets include this header.
//
// A block is 16 outputs by 256 inputs, cut into groups of 32 inputs (q6_k: 16). It holds, each at a multiple of 64
// bytes:
//
//   q4_k, q5_k     [16] f16 d, [16] f16 m    of the outputs: a weight is (d * scale) * q - (m * minimum)
//                  [8 groups][2][16] u8      scales, then minima, each in [0, 63]
//   q6_k           [16] f16 d, 32 bytes 0    a weight is (d * scale) * (q - 32)
//                  [16 groups][16] i8        scales
//   then group by group
//     low nibbles  [group / 8][16][4] u8     low nibble: q & 15 of input k % 8 in 0..3; high nibble: of 4..7
//     high bits    [16][4] u8                q5_k: bit b of byte j is q >> 4 of the group's input 4 * b + j;
//                                            q6_k: bits 2 * b and 2 * b + 1 are. q4_k has none.
//
// In bits per weight 4.625, 5.625 and 6.625; the blocks of a GGUF file, whose scales have six bits, take 4.5, 5.5 and
// 6.5625.
#ifndef FOREGATE_KERNELS_API_BLOCK_FORMATS_H_
#define FOREGATE_KERNELS_API_BLOCK_FORMATS_H_

#include <cstdint>

namespace foregate {

// What the nibbles of iq4_nl and mxfp4 (e2m1, doubled) stand for, in units of the scale.
inline constexpr int8_t kIq4NlValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
inline constexpr int8_t kMxfp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// kHighBits: bits of q beyond four.
template <int kHighBits>
struct KBlock {
  static constexpr int64_t kInputs = 256;
  static constexpr bool kHasMinima = kHighBits < 2;
  static constexpr int64_t kGroupInputs = kHasMinima ? 32 : 16;
  static constexpr int64_t kGroups = kInputs / kGroupInputs;
  // What is taken off q.
  static constexpr int32_t kZeroPoint = kHasMinima ? 0 : 32;
  static constexpr int64_t kMinimaOfScalesOffset = 32;  // m
  static constexpr int64_t kScalesOffset = 64;
  static constexpr int64_t kScaleBytes = kHasMinima ? 32 : 16;  // of a group
  static constexpr int64_t kMinimaOffset = 16;                  // in a group's scales
  static constexpr int64_t kGroupsOffset = 320;
  static constexpr int64_t kUnits = kGroupInputs / 8;  // of 8 inputs, 64 bytes of nibbles each
  static constexpr int64_t kHighBitsOffset = kUnits * 64;
  static constexpr int64_t kGroupBytes = kHighBitsOffset + (kHighBits > 0 ? 64 : 0);
  static constexpr int64_t kBytes = kGroupsOffset + kGroups * kGroupBytes;
};
static_assert(KBlock<0>::kBytes == 2368 && KBlock<1>::kBytes == 2880 && KBlock<2>::kBytes == 3392);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_BLOCK_FORMATS_H_
