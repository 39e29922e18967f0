// Operands of conformance cases: made on the host from a seed, moved to the device under test, read back.
#ifndef FOREGATE_TESTS_CONFORMANCE_HOST_TENSOR_H_
#define FOREGATE_TESTS_CONFORMANCE_HOST_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/api/kernels.h"

namespace foregate::conformance {

using Shape = std::vector<int64_t>;

// A tensor in host memory, owned.
class HostTensor {
 public:
  HostTensor() = default;
  HostTensor(DType dtype, Shape shape);
  static HostTensor I32(Shape shape, const std::vector<int32_t>& values);
  // Normal-like values of the given magnitude, with some exact zeros and ones; rounded to the dtype.
  static HostTensor Random(DType dtype, Shape shape, uint64_t seed, float magnitude = 1.0f);

  bool empty() const { return shape_.empty(); }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t num_elements() const;
  TensorView view();
  // Rows [first, first + count) of the outermost axis.
  HostTensor Rows(int64_t first, int64_t count) const;

  float* f32() { return reinterpret_cast<float*>(bytes_.data()); }
  const float* f32() const { return reinterpret_cast<const float*>(bytes_.data()); }
  const int32_t* i32() const { return reinterpret_cast<const int32_t*>(bytes_.data()); }
  // Element i of a float tensor, widened.
  double at(int64_t i) const;

 private:
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::vector<std::byte> bytes_;
};

// "" when every element has the same bits (any NaN equals any NaN); else the first difference.
std::string Difference(const HostTensor& actual, const HostTensor& expected);

// Runs operations on a backend: operands go in by value, results come out behind an event.
class Bench {
 public:
  explicit Bench(Backend& backend) : backend_(backend), stream_(backend.device->NewStream()) {}

  // Device memory holding `tensor`, alive as long as the bench; an absent tensor gives an absent view.
  TensorView Put(HostTensor tensor);
  // `tensor` [N, K] packed in `format`.
  WeightMatrix PutMatrix(HostTensor tensor, WeightFormat format);
  // [N, K] of random GGUF blocks, for the formats that are made of them.
  WeightMatrix PutBlocks(int64_t num_outputs, int64_t num_inputs, WeightFormat format, uint32_t seed);
  // In the format of its own dtype.
  WeightMatrix PutMatrix(HostTensor tensor);
  HostTensor Get(const TensorView& view);
  Kernels& kernels() { return *backend_.kernels; }
  Stream& stream() { return *stream_; }

 private:
  std::unique_ptr<DeviceBuffer> Allocate(size_t num_bytes, MemorySpace space);
  template <typename Pack>
  WeightMatrix PutPacked(WeightMatrix matrix, Pack pack);

  Backend& backend_;
  std::unique_ptr<Stream> stream_;
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
};

}  // namespace foregate::conformance

#endif  // FOREGATE_TESTS_CONFORMANCE_HOST_TENSOR_H_
