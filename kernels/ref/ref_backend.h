// The scalar reference backend: the judge of all others, and what tests of the engine run on. Its operations are the
// written arithmetic (kernels/base/arithmetic.h) in plain loops, on the calling thread, at enqueue.
#ifndef FOREGATE_KERNELS_REF_REF_BACKEND_H_
#define FOREGATE_KERNELS_REF_REF_BACKEND_H_

#include "kernels/api/kernels.h"
#include "kernels/base/bf16_products.h"

namespace foregate {

// `bf16_products`: the arithmetic of products with bf16 weights, and with it the numeric contract.
Backend MakeRefBackend(Bf16Products bf16_products = Bf16Products::kChain);

// The judge of a CPU backend: the reference of the numeric contract that `device` names. CHECKs that there is one.
Backend MakeRefBackendFor(const DeviceInfo& device);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_REF_REF_BACKEND_H_
