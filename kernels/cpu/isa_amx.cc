// The inner kernels for AMX (TILE, BF16, INT8) beside AVX-512 with VNNI and BF16. Includes no standard C++ header with
// code (see lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that they use.
#include "kernels/cpu/amx_bf16_panels.h"
#include "kernels/cpu/amx_int_panels.h"
#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/avx512vnni_ints.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Vector : Avx512Vector {
  using Int8 = Avx512VnniInt8;
  using Int4 = Avx512VnniInt4;
  template <const int8_t (&kValues)[16]>
  using Codebook = Avx512VnniCodebook<kValues>;
  template <int kHighBits>
  using KQuant = Avx512VnniKQuant<kHighBits>;
};

constexpr IsaTable MakeTable() {
  IsaTable table = LaneKernels<Vector>::Table("amx");
  table.float_panels[1] = AmxBf16Panels::Run;
  for (int i = 0; i < 4; ++i) {  // int8, int8-g32, int4, int4-g32
    table.int_panels[i] = i < 2 ? AmxIntPanels<Vector, false>::Run : AmxIntPanels<Vector, true>::Run;
  }
  table.bf16_products = Bf16Products::kTiles;
  return table;
}

constexpr IsaTable kTable = MakeTable();

}  // namespace

const IsaTable& AmxTable() { return kTable; }

}  // namespace foregate::internal
