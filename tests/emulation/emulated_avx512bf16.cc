// kernels/cpu/isa_avx512bf16.cc over emulated intrinsics.
#include "tests/emulation/amx_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512bf16_table.h"
#include "tests/emulation/emulated_isa.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512Bf16Table("avx512bf16_emulated");

}  // namespace

const IsaTable& EmulatedAvx512Bf16Table() { return kTable; }

}  // namespace foregate::internal
