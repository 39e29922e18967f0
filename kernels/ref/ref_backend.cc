#include "kernels/ref/ref_backend.h"

#include "kernels/api/host_device.h"
#include "kernels/base/arithmetic.h"
#include "kernels/ref/ref_kernels.h"

namespace foregate {

Backend MakeRefBackend() {
  Backend backend;
  backend.device =
      MakeHostDevice({.kind = "ref", .isa = "scalar", .numeric_contract = kCpuNumericContract, .num_threads = 1});
  backend.kernels = MakeRefKernels();
  return backend;
}

}  // namespace foregate
