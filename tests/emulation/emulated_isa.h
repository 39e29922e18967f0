// Instruction-set tables of kernels/cpu that run on any machine: the same kernels over emulated intrinsics. For tests.
#ifndef FOREGATE_TESTS_EMULATION_EMULATED_ISA_H_
#define FOREGATE_TESTS_EMULATION_EMULATED_ISA_H_

#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

const IsaTable& EmulatedAvx512Table();      // "avx512_emulated"
const IsaTable& EmulatedAvx512VnniTable();  // "avx512vnni_emulated"
const IsaTable& EmulatedAvx512Bf16Table();  // "avx512bf16_emulated"
const IsaTable& EmulatedAmxTable();         // "amx_emulated"

}  // namespace foregate::internal

#endif  // FOREGATE_TESTS_EMULATION_EMULATED_ISA_H_
