// The inner kernels for AVX-512 F, BW, DQ and VL. Includes no standard C++ header with code (see lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512_table.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512Table("avx512");

}  // namespace

const IsaTable& Avx512Table() { return kTable; }

}  // namespace foregate::internal
