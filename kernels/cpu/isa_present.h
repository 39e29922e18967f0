// Which instruction-set tables a machine can execute.
#ifndef FOREGATE_KERNELS_CPU_ISA_PRESENT_H_
#define FOREGATE_KERNELS_CPU_ISA_PRESENT_H_

#include <functional>
#include <vector>

#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/probe/cpu_identity.h"

namespace foregate::internal {

// The tables of instructions that the processor has and whose registers the operating system saves, worst first; never
// empty, the portable one first. `tiles_allowed` is asked for AMX only: the system must let the process use tiles, too.
std::vector<const IsaTable*> TablesFor(const CpuIdentity& cpu, const std::function<bool()>& tiles_allowed);

// The same for this machine; asks for the permission, which holds for all threads from then on.
std::vector<const IsaTable*> PresentIsaTables();

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ISA_PRESENT_H_
