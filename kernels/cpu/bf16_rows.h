// Rows of activations rounded to bf16 by AVX-512 BF16. The including file provides the intrinsics.
#ifndef FOREGATE_KERNELS_CPU_BF16_ROWS_H_
#define FOREGATE_KERNELS_CPU_BF16_ROWS_H_

#include <cstdint>

#include "kernels/cpu/panel_args.h"

namespace foregate::internal {
namespace {

struct Bf16Rows {
  static const float* Row(const FloatPanels& args, int64_t r) {
    return args.x + (args.x_rows == nullptr ? r : args.x_rows[r]) * args.x_stride;
  }

  // 32 inputs, subnormals as zeros.
  static void Round32(const float* x, uint16_t* to) {
    const __m256bh low = _mm512_cvtneps_pbh(_mm512_loadu_ps(x));
    const __m256bh high = _mm512_cvtneps_pbh(_mm512_loadu_ps(x + 16));
    __builtin_memcpy(to, &low, sizeof low);
    __builtin_memcpy(to + 16, &high, sizeof high);
  }

  // The same for the first `count` inputs of 32, zeros behind them.
  static void RoundFirst(const float* x, int64_t count, uint16_t* to) {
    if (count >= 32) return Round32(x, to);
    float inputs[32] = {};
    for (int64_t i = 0; i < count; ++i) inputs[i] = x[i];
    Round32(inputs, to);
  }

  static void RoundRow(const float* x, int64_t n, uint16_t* to) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) Round32(x + i, to + i);
    if (i == n) return;
    uint16_t rest[32];
    RoundFirst(x + i, n - i, rest);
    __builtin_memcpy(to + i, rest, static_cast<size_t>(n - i) * sizeof(uint16_t));
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_BF16_ROWS_H_
