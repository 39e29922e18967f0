// Exact widening of weights to f32, for the operations whose time is not arithmetic.
#ifndef FOREGATE_KERNELS_CPU_WIDEN_H_
#define FOREGATE_KERNELS_CPU_WIDEN_H_

#include <cstdint>
#include <cstring>

#include "kernels/api/tensor_view.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate::internal {

// Writes elements [first, first + count) of `weight` to `out`.
inline void WidenElements(const TensorView& weight, int64_t first, int64_t count, float* out) {
  switch (weight.dtype()) {
    case DType::kF32:
      std::memcpy(out, weight.as<const float>() + first, static_cast<size_t>(count) * sizeof(float));
      return;
    case DType::kBf16:
      for (int64_t i = 0; i < count; ++i) out[i] = Bf16ToF32(weight.as<const uint16_t>()[first + i]);
      return;
    case DType::kF16:
      for (int64_t i = 0; i < count; ++i) out[i] = F16ToF32(weight.as<const uint16_t>()[first + i]);
      return;
    case DType::kI32:
      break;
  }
  FOREGATE_CHECK(false);
}

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_WIDEN_H_
