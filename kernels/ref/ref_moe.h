// Scalar operations of the mixture of experts. All `args` have passed CheckArgs; indices read from memory are CHECKed.
#ifndef FOREGATE_KERNELS_REF_REF_MOE_H_
#define FOREGATE_KERNELS_REF_REF_MOE_H_

#include "kernels/api/kernels.h"
#include "kernels/base/bf16_products.h"

namespace foregate::internal {

void RefTopKRouter(const TopKRouterArgs& args);
void RefWeighExperts(const WeighExpertsArgs& args);
void RefGroupByExpert(const GroupByExpertArgs& args);
void RefGroupedFfn(const GroupedFfnArgs& args, Bf16Products bf16_products);
void RefCombine(const CombineArgs& args);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_REF_MOE_H_
