// The inner kernels for AVX-512 F, BW, DQ and VL with VNNI. Includes no standard C++ header with code (see
// lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512vnni_table.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512VnniTable("avx512vnni");

}  // namespace

const IsaTable& Avx512VnniTable() { return kTable; }

}  // namespace foregate::internal
