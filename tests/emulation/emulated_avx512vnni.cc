// kernels/cpu/isa_avx512vnni.cc over emulated intrinsics.
#include "tests/emulation/avx512_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/avx512vnni_table.h"
#include "tests/emulation/emulated_isa.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAvx512VnniTable("avx512vnni_emulated");

}  // namespace

const IsaTable& EmulatedAvx512VnniTable() { return kTable; }

}  // namespace foregate::internal
