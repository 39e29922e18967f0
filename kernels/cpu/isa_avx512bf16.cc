// The inner kernels for AVX-512 F, BW, DQ and VL with VNNI and BF16. Includes no standard C++ header with code (see
// lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that they use.
#include "kernels/cpu/avx512_blocks.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/avx512bf16_panels.h"
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
  IsaTable table = LaneKernels<Vector>::Table("avx512bf16");
  table.float_panels[1] = Avx512Bf16Panels::Run;
  table.bf16_products = Bf16Products::kPairs;
  return table;
}

constexpr IsaTable kTable = MakeTable();

}  // namespace

const IsaTable& Avx512Bf16Table() { return kTable; }

}  // namespace foregate::internal
