// Element types of tensors.
#ifndef FOREGATE_KERNELS_BASE_DTYPE_H_
#define FOREGATE_KERNELS_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>

namespace foregate {

enum class DType : uint8_t { kF32, kBf16, kF16, kI32 };

constexpr size_t ElementBytes(DType dtype) { return dtype == DType::kF32 || dtype == DType::kI32 ? 4 : 2; }

constexpr const char* DTypeName(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kBf16:
      return "bf16";
    case DType::kF16:
      return "f16";
    case DType::kI32:
      return "i32";
  }
  return "?";
}

}  // namespace foregate

#endif  // FOREGATE_KERNELS_BASE_DTYPE_H_
