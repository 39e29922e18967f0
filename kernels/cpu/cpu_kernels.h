// The operations of the CPU backend, above the instruction-set table.
#ifndef FOREGATE_KERNELS_CPU_CPU_KERNELS_H_
#define FOREGATE_KERNELS_CPU_CPU_KERNELS_H_

#include <memory>

#include "kernels/api/kernels.h"
#include "kernels/cpu/compute.h"

namespace foregate::internal {

std::unique_ptr<Kernels> MakeCpuKernels(Compute compute);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_CPU_KERNELS_H_
