// Scalar paged attention: the definition of the span-wise softmax, and the writing of what it reads.
#ifndef FOREGATE_KERNELS_REF_REF_ATTENTION_H_
#define FOREGATE_KERNELS_REF_REF_ATTENTION_H_

#include "kernels/api/kernels.h"
#include "kernels/base/bf16_products.h"

namespace foregate::internal {

// `args` has passed CheckArgs; so has `args` of RefPagedAttention. CHECK the indices they read.
void RefWriteKv(const WriteKvArgs& args);
// `bf16_products`: the arithmetic of products with bf16 keys and values.
void RefPagedAttention(const PagedAttentionArgs& args, Bf16Products bf16_products);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_REF_ATTENTION_H_
