// Scalar paged attention: the definition of the span-wise softmax.
#ifndef FOREGATE_KERNELS_REF_REF_ATTENTION_H_
#define FOREGATE_KERNELS_REF_REF_ATTENTION_H_

#include "kernels/api/kernels.h"

namespace foregate::internal {

// `args` has passed CheckArgs. CHECKs the indices it reads.
void RefPagedAttention(const PagedAttentionArgs& args);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_REF_ATTENTION_H_
