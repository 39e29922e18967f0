// Products with bf16 panels by vdpbf16ps: "bf16.pairs.v1" (kernels/base/bf16_arithmetic.h). The including file
// provides the intrinsics: AVX-512 F, BW, DQ, VL and BF16.
//
// A pair of inputs is one element of 32 bits, so the tiles of float_panel_kernels.h serve as they are: a panel of bf16
// is a panel of f32 with half as many inputs, whose product is the instruction's.
#ifndef FOREGATE_KERNELS_CPU_AVX512BF16_PANELS_H_
#define FOREGATE_KERNELS_CPU_AVX512BF16_PANELS_H_

#include <cstdint>

#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/bf16_rows.h"
#include "kernels/cpu/float_panel_kernels.h"

namespace foregate::internal {
namespace {

// Pairs lie in registers, rows and panels under the name of f32; nothing but AddProduct computes with them.
struct Avx512PairVector : Avx512Vector {
  static constexpr int64_t kPackedBytes = 256 << 10;

  static void AddProduct(Part a, Part b, Part& sum) {
    sum = _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, a), __builtin_bit_cast(__m512bh, b));
  }
};

struct Avx512Bf16Panels {
  // Rounded rows rest beside their packed copies in the L2 of cores with the instruction (1 MB).
  static constexpr int64_t kRoundedBytes = 256 << 10;
  static constexpr int64_t kRoundedPairs = kRoundedBytes / 4;
  // Longer rows go in parts; the sums between them are exact in `out`.
  static constexpr int64_t kMaxInputs = 16384;

  // Rows [first, first + rows) of inputs [k, k + count).
  static void RunBlock(const FloatPanels& args, int64_t first, int64_t rows, int64_t k, int64_t count, char* pairs) {
    const int64_t stride_bytes = (count + 31) / 32 * 64;
    for (int64_t r = 0; r < rows; ++r) {
      const float* x = Bf16Rows::Row(args, first + r) + k;
      auto* to = reinterpret_cast<uint16_t*>(pairs + r * stride_bytes);
      for (int64_t i = 0; i < count; i += 32) Bf16Rows::RoundFirst(x + i, count - i, to + i);
    }
    FloatPanels block = args;
    block.x = reinterpret_cast<const float*>(pairs);
    block.x_stride = stride_bytes / 4;
    block.x_rows = nullptr;
    block.num_rows = rows;
    block.k_end = (count + 1) / 2;
    block.panels = static_cast<const char*>(args.panels) + k / 2 * 64;
    block.out = args.out + first * args.out_stride;
    block.accumulate = args.accumulate || k > 0;
    FloatPanelTiles<Avx512PairVector, float>::Run(block);
  }

  static void Run(const FloatPanels& args) {
    alignas(64) char pairs[kRoundedBytes];
    int64_t k = 0;
    do {
      const int64_t rest = args.k_end - k;
      const int64_t count = rest < kMaxInputs ? rest : kMaxInputs;
      const int64_t block_rows = kRoundedPairs / (count < 32 ? 16 : (count + 31) / 32 * 16);
      const int64_t num_blocks = (args.num_rows + block_rows - 1) / block_rows;
      for (int64_t i = 0; i < num_blocks; ++i) {
        const int64_t begin = args.num_rows * i / num_blocks;
        RunBlock(args, begin, args.num_rows * (i + 1) / num_blocks - begin, k, count, pairs);
      }
      k += kMaxInputs;
    } while (k < args.k_end);
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512BF16_PANELS_H_
