// The inner kernels for AVX-512 F, BW, DQ and VL with VNNI and BF16. Includes no standard C++ header with code (see
// lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512bf16_table.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512Bf16Table("avx512bf16");

}  // namespace

const IsaTable& Avx512Bf16Table() { return kTable; }

}  // namespace foregate::internal
