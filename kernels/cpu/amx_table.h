// The table of AMX (TILE, BF16, INT8) beside AVX-512 with VNNI and BF16 (avx512_table.h): products with bf16, int8 and
// int4 weights go through tiles, the rest is VNNI's.
#ifndef FOREGATE_KERNELS_CPU_AMX_TABLE_H_
#define FOREGATE_KERNELS_CPU_AMX_TABLE_H_

#include "kernels/cpu/amx_bf16_panels.h"
#include "kernels/cpu/amx_int_panels.h"
#include "kernels/cpu/avx512vnni_table.h"

namespace foregate::internal {
namespace {

constexpr IsaTable MakeAmxTable(const char* name) {
  IsaTable table = MakeAvx512VnniTable(name);
  table.float_panels[1] = AmxBf16Panels::Run;
  for (int i = 0; i < 4; ++i) {  // int8, int8-g32, int4, int4-g32
    table.int_panels[i] =
        i < 2 ? AmxIntPanels<Avx512VnniVector, false>::Run : AmxIntPanels<Avx512VnniVector, true>::Run;
  }
  table.bf16_products = Bf16Products::kTiles;
  return table;
}

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AMX_TABLE_H_
