#include "tests/conformance/host_tensor.h"

#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/weights/pack.h"
#include "kernels/weights/random_blocks.h"

namespace foregate::conformance {
namespace {

// SplitMix64 (Steele, Lea and Flood 2014): the value of a counter, so cases do not depend on order.
uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float RandomValue(uint64_t seed, uint64_t i, float magnitude) {
  const uint64_t bits = Mix(Mix(seed) + i);
  if (bits % 61 == 0) return 0.0f;
  if (bits % 59 == 0) return magnitude;
  // The sum of four uniforms is close enough to a normal, and the same on every libm.
  float sum = 0;
  for (int part = 0; part < 4; ++part) sum += static_cast<float>((bits >> (16 * part)) & 0xffff) / 65536.0f - 0.5f;
  return sum * magnitude;
}

}  // namespace

HostTensor::HostTensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  bytes_.resize(static_cast<size_t>(num_elements()) * ElementBytes(dtype));
}

HostTensor HostTensor::I32(Shape shape, const std::vector<int32_t>& values) {
  HostTensor tensor(DType::kI32, std::move(shape));
  FOREGATE_CHECK_EQ(tensor.num_elements(), static_cast<int64_t>(values.size()));
  std::memcpy(tensor.bytes_.data(), values.data(), tensor.bytes_.size());
  return tensor;
}

HostTensor HostTensor::Random(DType dtype, Shape shape, uint64_t seed, float magnitude) {
  HostTensor tensor(dtype, std::move(shape));
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const float value = RandomValue(seed, static_cast<uint64_t>(i), magnitude);
    std::byte* at = tensor.bytes_.data() + static_cast<size_t>(i) * ElementBytes(dtype);
    if (dtype == DType::kF32) {
      std::memcpy(at, &value, sizeof(value));
    } else {
      const uint16_t narrow = dtype == DType::kBf16 ? F32ToBf16(value) : F32ToF16(value);
      std::memcpy(at, &narrow, sizeof(narrow));
    }
  }
  return tensor;
}

int64_t HostTensor::num_elements() const {
  int64_t n = 1;
  for (const int64_t extent : shape_) n *= extent;
  return n;
}

TensorView HostTensor::view() {
  switch (shape_.size()) {
    case 0:
      return {};
    case 1:
      return TensorView(bytes_.data(), dtype_, {shape_[0]});
    case 2:
      return TensorView(bytes_.data(), dtype_, {shape_[0], shape_[1]});
    default:
      FOREGATE_CHECK_EQ(shape_.size(), 3u);
      return TensorView(bytes_.data(), dtype_, {shape_[0], shape_[1], shape_[2]});
  }
}

HostTensor HostTensor::Rows(int64_t first, int64_t count) const {
  Shape shape = shape_;
  shape[0] = count;
  HostTensor rows(dtype_, shape);
  const size_t row_bytes = bytes_.size() / static_cast<size_t>(shape_[0]);
  std::memcpy(rows.bytes_.data(), bytes_.data() + static_cast<size_t>(first) * row_bytes, rows.bytes_.size());
  return rows;
}

double HostTensor::at(int64_t i) const {
  if (dtype_ == DType::kF32) return static_cast<double>(f32()[i]);
  const uint16_t bits = reinterpret_cast<const uint16_t*>(bytes_.data())[i];
  return static_cast<double>(dtype_ == DType::kBf16 ? Bf16ToF32(bits) : F16ToF32(bits));
}

std::string Difference(const HostTensor& actual, const HostTensor& expected) {
  if (actual.shape() != expected.shape() || actual.dtype() != expected.dtype()) return "another shape or dtype";
  for (int64_t i = 0; i < actual.num_elements(); ++i) {
    if (actual.i32()[i] == expected.i32()[i]) continue;
    if (actual.dtype() == DType::kI32) {
      return "element " + std::to_string(i) + ": " + std::to_string(actual.i32()[i]) + ", expected " +
             std::to_string(expected.i32()[i]);
    }
    const float a = actual.f32()[i];
    const float e = expected.f32()[i];
    if (std::isnan(a) && std::isnan(e)) continue;
    char text[128];
    std::snprintf(text, sizeof(text), "element %lld: %a, expected %a", static_cast<long long>(i),
                  static_cast<double>(a), static_cast<double>(e));
    return text;
  }
  return "";
}

std::unique_ptr<DeviceBuffer> Bench::Allocate(size_t num_bytes, MemorySpace space) {
  auto buffer = backend_.device->Allocate(num_bytes, space);
  FOREGATE_CHECK(buffer.ok());
  return *std::move(buffer);
}

TensorView Bench::Put(HostTensor tensor) {
  if (tensor.empty()) return {};
  const TensorView source = tensor.view();
  // Kept with the bench: the copy runs whenever the device likes.
  buffers_.push_back(Allocate(source.num_bytes(), MemorySpace::kHost));
  void* staging = buffers_.back()->data();
  if (source.num_bytes() > 0) std::memcpy(staging, source.data(), source.num_bytes());
  buffers_.push_back(Allocate(source.num_bytes(), MemorySpace::kDevice));
  const auto like = [&](void* data) { return TensorView(data, source.dtype(), {source.num_elements()}); };
  FOREGATE_CHECK(backend_.device->CopyAsync(like(staging), like(buffers_.back()->data()), *stream_).ok());
  TensorView view(buffers_.back()->data(), tensor.dtype(), {source.num_elements()});
  switch (source.rank()) {
    case 2:
      return view.Reshape({source.dim(0), source.dim(1)});
    case 3:
      return view.Reshape({source.dim(0), source.dim(1), source.dim(2)});
    default:
      return view;
  }
}

template <typename Pack>
WeightMatrix Bench::PutPacked(WeightMatrix matrix, Pack pack) {
  const auto num_bytes = static_cast<int64_t>(matrix.num_bytes());
  HostTensor packed(DType::kI32, {num_bytes / 4});
  matrix.data = packed.view().data();
  pack(matrix);
  matrix.data = Put(std::move(packed)).data();
  return matrix;
}

WeightMatrix Bench::PutMatrix(HostTensor tensor, WeightFormat format) {
  const TensorView rows = tensor.view();
  return PutPacked({.data = nullptr, .format = format, .num_outputs = rows.dim(0), .num_inputs = rows.dim(1)},
                   [&](const WeightMatrix& matrix) { PackRows(rows, 0, matrix); });
}

WeightMatrix Bench::PutBlocks(int64_t num_outputs, int64_t num_inputs, WeightFormat format, uint32_t seed) {
  const std::vector<std::byte> blocks = RandomBlocks(format, num_outputs, num_inputs, seed);
  return PutPacked({.data = nullptr, .format = format, .num_outputs = num_outputs, .num_inputs = num_inputs},
                   [&](const WeightMatrix& matrix) { PackBlocks(blocks.data(), num_outputs, 0, matrix); });
}

WeightMatrix Bench::PutMatrix(HostTensor tensor) {
  const auto format = static_cast<WeightFormat>(tensor.dtype());
  return PutMatrix(std::move(tensor), format);
}

HostTensor Bench::Get(const TensorView& view) {
  Shape shape;
  for (int axis = 0; axis < view.rank(); ++axis) shape.push_back(view.dim(axis));
  HostTensor result(view.dtype(), shape);
  const auto staging = Allocate(view.num_bytes(), MemorySpace::kHost);
  const TensorView flat = TensorView(view.data(), view.dtype(), {view.num_elements()});
  const TensorView on_host(staging->data(), view.dtype(), {view.num_elements()});
  FOREGATE_CHECK(backend_.device->CopyAsync(flat, on_host, *stream_).ok());
  FOREGATE_CHECK(backend_.device->Record(*stream_)->Wait(std::chrono::steady_clock::time_point::max()).ok());
  if (view.num_bytes() > 0) std::memcpy(result.view().data(), staging->data(), view.num_bytes());
  return result;
}

}  // namespace foregate::conformance
