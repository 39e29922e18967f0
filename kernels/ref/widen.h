// Reading a weight of any float dtype as f32, exactly.
#ifndef FOREGATE_KERNELS_REF_WIDEN_H_
#define FOREGATE_KERNELS_REF_WIDEN_H_

#include <cstdint>

#include "kernels/api/tensor_view.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate::internal {

// Calls `use` once with a function int64_t -> float that reads element i of `weight`; the dtype is decided outside the
// loops of `use`.
template <typename Use>
void WithWidened(const TensorView& weight, Use use) {
  switch (weight.dtype()) {
    case DType::kF32:
      return use([data = weight.as<const float>()](int64_t i) { return data[i]; });
    case DType::kBf16:
      return use([data = weight.as<const uint16_t>()](int64_t i) { return Bf16ToF32(data[i]); });
    case DType::kF16:
      return use([data = weight.as<const uint16_t>()](int64_t i) { return F16ToF32(data[i]); });
    case DType::kI32:
      break;
  }
  FOREGATE_CHECK(false);
}

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_REF_WIDEN_H_
