// Routing and combining of the CPU backend. Arguments have passed CheckArgs; indices read from memory are CHECKed.
#ifndef FOREGATE_KERNELS_CPU_CPU_MOE_H_
#define FOREGATE_KERNELS_CPU_CPU_MOE_H_

#include "kernels/api/kernels.h"
#include "kernels/cpu/compute.h"

namespace foregate::internal {

void CpuTopKRouter(const Compute& compute, const TopKRouterArgs& args);
void CpuWeighExperts(const Compute& compute, const WeighExpertsArgs& args);
void CpuGroupByExpert(const GroupByExpertArgs& args);
void CpuCombine(const Compute& compute, const CombineArgs& args);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_CPU_MOE_H_
