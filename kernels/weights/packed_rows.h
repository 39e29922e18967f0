// Rows of weights and packed matrices, owned, for tests.
#ifndef FOREGATE_KERNELS_WEIGHTS_PACKED_ROWS_H_
#define FOREGATE_KERNELS_WEIGHTS_PACKED_ROWS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "kernels/api/tensor_view.h"
#include "kernels/base/float_types.h"
#include "kernels/weights/pack.h"

namespace foregate {

// [n, K] in any float dtype; at(i) is the exact value of element i.
class WeightRows {
 public:
  WeightRows(DType dtype, int64_t n, int64_t k) : dtype_(dtype), n_(n), k_(k), bytes_(num_elements() * 4) {}
  static WeightRows Normal(DType dtype, int64_t n, int64_t k, uint32_t seed, float magnitude = 0.05f) {
    WeightRows rows(dtype, n, k);
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, magnitude);
    for (size_t i = 0; i < rows.num_elements(); ++i) rows.Set(i, normal(random));
    return rows;
  }

  size_t num_elements() const { return static_cast<size_t>(n_ * k_); }
  TensorView view() { return TensorView(bytes_.data(), dtype_, {n_, k_}); }
  void Set(size_t i, float value) {
    if (dtype_ == DType::kF32) {
      reinterpret_cast<float*>(bytes_.data())[i] = value;
    } else {
      reinterpret_cast<uint16_t*>(bytes_.data())[i] = dtype_ == DType::kBf16 ? F32ToBf16(value) : F32ToF16(value);
    }
  }
  float at(size_t i) const {
    if (dtype_ == DType::kF32) return reinterpret_cast<const float*>(bytes_.data())[i];
    const uint16_t bits = reinterpret_cast<const uint16_t*>(bytes_.data())[i];
    return dtype_ == DType::kBf16 ? Bf16ToF32(bits) : F16ToF32(bits);
  }

 private:
  DType dtype_;
  int64_t n_, k_;
  std::vector<std::byte> bytes_;
};

// Memory of exactly the packed size, aligned to 64 bytes and filled with 0xa5, so that a test sees what was not
// written.
class PackedMatrix {
 public:
  PackedMatrix(WeightFormat format, int64_t num_outputs, int64_t num_inputs) {
    matrix_ = {nullptr, format, num_outputs, num_inputs};
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(64, matrix_.num_bytes())));
    matrix_.data = bytes_.get();
    for (size_t i = 0; i < matrix_.num_bytes(); ++i) bytes_[i] = std::byte{0xa5};
  }
  const WeightMatrix& matrix() const { return matrix_; }
  std::vector<std::byte> bytes() const { return {bytes_.get(), bytes_.get() + matrix_.num_bytes()}; }

 private:
  struct Free {
    void operator()(std::byte* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  WeightMatrix matrix_;
};

// Those that are made of floats.
inline constexpr WeightFormat kAllWeightFormats[] = {
    WeightFormat::kF32,     WeightFormat::kBf16,     WeightFormat::kF16,    WeightFormat::kInt8,
    WeightFormat::kInt8G32, WeightFormat::kInt4G128, WeightFormat::kInt4G32};

}  // namespace foregate

#endif  // FOREGATE_KERNELS_WEIGHTS_PACKED_ROWS_H_
