// kernels/cpu/isa_avx512.cc over emulated intrinsics.
#include "tests/emulation/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512_table.h"
#include "tests/emulation/emulated_isa.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512Table("avx512_emulated");

}  // namespace

const IsaTable& EmulatedAvx512Table() { return kTable; }

}  // namespace foregate::internal
