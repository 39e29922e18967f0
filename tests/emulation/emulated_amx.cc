// kernels/cpu/isa_amx.cc over emulated intrinsics.
#include "tests/emulation/amx_intrinsics.h"
// After the intrinsics that it uses.
#include "kernels/cpu/amx_table.h"
#include "tests/emulation/emulated_isa.h"

namespace foregate::internal {
namespace {

constexpr IsaTable kTable = MakeAmxTable("amx_emulated");

}  // namespace

const IsaTable& EmulatedAmxTable() { return kTable; }

}  // namespace foregate::internal
