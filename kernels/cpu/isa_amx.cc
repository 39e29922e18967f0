// The inner kernels for AMX (TILE, BF16, INT8) beside AVX-512 with VNNI and BF16. Includes no standard C++ header with
// code (see lane_kernels.h).
#include "kernels/cpu/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/amx_table.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAmxTable("amx");

}  // namespace

const IsaTable& AmxTable() { return kTable; }

}  // namespace foregate::internal
