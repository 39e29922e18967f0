// The scalar operations alone, for backends that bring their own device over host memory (tests/fakes).
#ifndef FOREGATE_KERNELS_REF_REF_KERNELS_H_
#define FOREGATE_KERNELS_REF_REF_KERNELS_H_

#include <memory>

#include "kernels/api/kernels.h"
#include "kernels/base/bf16_products.h"

namespace foregate {

// Stateless and thread-safe; streams are not looked at.
std::unique_ptr<Kernels> MakeRefKernels(Bf16Products bf16_products = Bf16Products::kChain);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_REF_REF_KERNELS_H_
