// The inner kernels for AVX-512 F, BW, DQ and VL with VNNI and BF16. Includes no standard C++ header with code (see
// lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/avx512bf16_panels.h"
#include "kernels/cpu/avx512vnni_ints.h"
#include "kernels/cpu/lane_kernels.h"

namespace foregate::internal {
namespace {

struct Vector : Avx512Vector {
  using Int8 = Avx512VnniInt8;
  using Int4 = Avx512VnniInt4;
};

constexpr IsaTable MakeTable() {
  IsaTable table = LaneKernels<Vector>::Table("avx512bf16");
  table.float_panels[1] = Avx512Bf16Panels::Run;
  table.bf16_products = Bf16Products::kPairs;
  return table;
}

constexpr IsaTable kTable = MakeTable();

}  // namespace

const IsaTable& Avx512Bf16Table() { return kTable; }

}  // namespace foregate::internal
