// As kernels/cpu/isa_amx.cc, over emulated intrinsics.
#include "tests/emulation/amx_intrinsics.h"
// After the intrinsics that they use.
#include "kernels/cpu/amx_bf16_panels.h"
#include "kernels/cpu/amx_int_panels.h"
#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/avx512vnni_ints.h"
#include "kernels/cpu/lane_kernels.h"
#include "tests/emulation/emulated_isa.h"

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
  IsaTable table = LaneKernels<Vector>::Table("amx_emulated");
  table.float_panels[1] = AmxBf16Panels::Run;
  for (int i = 0; i < 4; ++i) {  // int8, int8-g32, int4, int4-g32
    table.int_panels[i] = i < 2 ? AmxIntPanels<Vector, false>::Run : AmxIntPanels<Vector, true>::Run;
  }
  table.bf16_products = Bf16Products::kTiles;
  return table;
}

constexpr IsaTable kTable = MakeTable();

}  // namespace

const IsaTable& EmulatedAmxTable() { return kTable; }

}  // namespace foregate::internal
