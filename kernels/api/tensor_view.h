// TensorView: a non-owning, typed, dense row-major view of memory on a device.
//
// The host must not dereference `data` unless the view is known to be host memory: operands of kernels live where the
// device put them (docs/adr/0006). tests/fakes/faulting_device.h proves that the engine keeps to this.
#ifndef FOREGATE_KERNELS_API_TENSOR_VIEW_H_
#define FOREGATE_KERNELS_API_TENSOR_VIEW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "kernels/base/check.h"
#include "kernels/base/dtype.h"

namespace foregate {

class TensorView {
 public:
  static constexpr int kMaxRank = 4;

  // An absent optional operand.
  TensorView() = default;
  TensorView(void* data, DType dtype, std::initializer_list<int64_t> shape) : data_(data), dtype_(dtype) {
    FOREGATE_CHECK_LE(shape.size(), static_cast<size_t>(kMaxRank));
    for (const int64_t extent : shape) shape_[static_cast<size_t>(rank_++)] = extent;
  }

  bool empty() const { return data_ == nullptr; }
  void* data() const { return data_; }
  DType dtype() const { return dtype_; }
  int rank() const { return rank_; }
  int64_t dim(int axis) const { return shape_[static_cast<size_t>(axis)]; }
  int64_t num_elements() const {
    int64_t n = 1;
    for (int axis = 0; axis < rank_; ++axis) n *= dim(axis);
    return rank_ == 0 ? 0 : n;
  }
  size_t num_bytes() const { return static_cast<size_t>(num_elements()) * ElementBytes(dtype_); }

  // The same memory under another shape with the same number of elements.
  TensorView Reshape(std::initializer_list<int64_t> shape) const {
    const TensorView view(data_, dtype_, shape);
    FOREGATE_CHECK_EQ(view.num_elements(), num_elements());
    return view;
  }

  // Rows [first, first + count) of the outermost axis. Pure address arithmetic: legal for device memory.
  TensorView Rows(int64_t first, int64_t count) const {
    FOREGATE_CHECK(first >= 0 && count >= 0 && rank_ > 0 && first + count <= dim(0));
    TensorView view = *this;
    const size_t row_elements = dim(0) == 0 ? 0 : static_cast<size_t>(num_elements() / dim(0));
    view.data_ = static_cast<std::byte*>(data_) + static_cast<size_t>(first) * row_elements * ElementBytes(dtype_);
    view.shape_[0] = count;
    return view;
  }

  // For kernels and for host memory only.
  template <typename T>
  T* as() const {
    FOREGATE_CHECK_EQ(sizeof(T), ElementBytes(dtype_));
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::array<int64_t, kMaxRank> shape_ = {};
  int rank_ = 0;
  DType dtype_ = DType::kF32;
};

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_TENSOR_VIEW_H_
