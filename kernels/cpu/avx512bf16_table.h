// The table of AVX-512 with VNNI and BF16 (avx512_table.h): only products with bf16 weights differ from VNNI's.
#ifndef FOREGATE_KERNELS_CPU_AVX512BF16_TABLE_H_
#define FOREGATE_KERNELS_CPU_AVX512BF16_TABLE_H_

#include "kernels/cpu/avx512bf16_panels.h"
#include "kernels/cpu/avx512vnni_table.h"
#include "kernels/cpu/bf16_rows.h"
#include "kernels/cpu/span_kernels.h"

namespace foregate::internal {
namespace {

constexpr IsaTable MakeAvx512Bf16Table(const char* name) {
  IsaTable table = MakeAvx512VnniTable(name);
  table.float_panels[1] = Avx512Bf16Panels::Run;
  table.bf16_products = Bf16Products::kPairs;
  using Spans = SpanKernels<Avx512PairVector>;
  table.pair_spans = {Bf16Rows::RoundRow, Spans::ScoreKeys, Spans::AddValues};
  return table;
}

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AVX512BF16_TABLE_H_
