// Paged attention of the CPU backend, parallel over rows and key-value heads, and the writing of what it reads.
#ifndef FOREGATE_KERNELS_CPU_CPU_ATTENTION_H_
#define FOREGATE_KERNELS_CPU_CPU_ATTENTION_H_

#include "kernels/api/kernels.h"
#include "kernels/cpu/compute.h"

namespace foregate::internal {

// `args` has passed CheckArgs. CHECKs the indices it reads.
void CpuWriteKv(const Compute& compute, const WriteKvArgs& args);
void CpuPagedAttention(const Compute& compute, const PagedAttentionArgs& args);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_CPU_ATTENTION_H_
