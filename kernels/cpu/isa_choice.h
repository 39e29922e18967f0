// Which instruction-set tables this machine can execute.
#ifndef FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
#define FOREGATE_KERNELS_CPU_ISA_CHOICE_H_

#include <vector>

#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

// Worst first; never empty.
std::vector<const IsaTable*> SupportedIsaTables();

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_CHOICE_H_
