// The scalar reference backend: the judge of all others, and what tests of the engine run on. Its operations are the
// written arithmetic (kernels/base/arithmetic.h) in plain loops, on the calling thread, at enqueue.
#ifndef FOREGATE_KERNELS_REF_REF_BACKEND_H_
#define FOREGATE_KERNELS_REF_REF_BACKEND_H_

#include "kernels/api/kernels.h"

namespace foregate {

Backend MakeRefBackend();

}  // namespace foregate

#endif  // FOREGATE_KERNELS_REF_REF_BACKEND_H_
