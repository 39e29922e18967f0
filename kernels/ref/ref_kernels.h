// The scalar operations alone, for backends that bring their own device over host memory (tests/fakes).
#ifndef FOREGATE_KERNELS_REF_REF_KERNELS_H_
#define FOREGATE_KERNELS_REF_REF_KERNELS_H_

#include <memory>

#include "kernels/api/kernels.h"

namespace foregate {

// Stateless and thread-safe; streams are not looked at.
std::unique_ptr<Kernels> MakeRefKernels();

}  // namespace foregate

#endif  // FOREGATE_KERNELS_REF_REF_KERNELS_H_
