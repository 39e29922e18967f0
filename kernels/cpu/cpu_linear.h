// Matrix products of the CPU backend. Arguments have passed CheckArgs; indices read from memory are CHECKed.
#ifndef FOREGATE_KERNELS_CPU_CPU_LINEAR_H_
#define FOREGATE_KERNELS_CPU_CPU_LINEAR_H_

#include "kernels/api/kernels.h"
#include "kernels/cpu/compute.h"

namespace foregate::internal {

void CpuLinear(Compute& compute, const LinearArgs& args);
void CpuGroupedFfn(Compute& compute, const GroupedFfnArgs& args);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_CPU_LINEAR_H_
