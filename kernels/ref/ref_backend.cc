#include "kernels/ref/ref_backend.h"

#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/ref/ref_kernels.h"

namespace foregate {

Backend MakeRefBackend(Bf16Products bf16_products) {
  Backend backend;
  backend.device = MakeHostDevice(
      {.kind = "ref", .isa = "scalar", .numeric_contract = CpuNumericContract(bf16_products), .num_threads = 1});
  backend.kernels = MakeRefKernels(bf16_products);
  return backend;
}

Backend MakeRefBackendFor(const DeviceInfo& device) {
  Bf16Products found = Bf16Products::kChain;
  for (const Bf16Products products : {Bf16Products::kPairs, Bf16Products::kTiles}) {
    if (device.numeric_contract == CpuNumericContract(products)) found = products;
  }
  FOREGATE_CHECK(device.numeric_contract == CpuNumericContract(found));
  return MakeRefBackend(found);
}

}  // namespace foregate
