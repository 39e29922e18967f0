#include <cstddef>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

const std::byte* PanelOf(const WeightMatrix& matrix, int64_t output) {
  const size_t stride = LayoutOfPanel(matrix.format, matrix.num_inputs).stride_bytes;
  return static_cast<const std::byte*>(matrix.data) + static_cast<size_t>(output / kPanelOutputs) * stride;
}

template <typename T>
T ReadAt(const std::byte* from, int64_t index) {
  T value;
  std::memcpy(&value, from + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

}  // namespace

int32_t UnpackInteger(const WeightMatrix& matrix, int64_t output, int64_t input) {
  FOREGATE_CHECK(IsQuantized(matrix.format));
  const std::byte* panel = PanelOf(matrix, output);
  const int64_t column = output % kPanelOutputs;
  if (matrix.format == WeightFormat::kInt8 || matrix.format == WeightFormat::kInt8G32) {
    return ReadAt<uint8_t>(panel, (input / 4 * kPanelOutputs + column) * 4 + input % 4) - 128;
  }
  const int both = ReadAt<uint8_t>(panel, (input / 8 * kPanelOutputs + column) * 4 + input % 4);
  return (input % 8 < 4 ? both & 15 : both >> 4) - 8;
}

float UnpackScale(const WeightMatrix& matrix, int64_t output, int64_t input) {
  if (!IsQuantized(matrix.format)) return 1.0f;
  const std::byte* scales = PanelOf(matrix, output) + LayoutOfPanel(matrix.format, matrix.num_inputs).value_bytes;
  const int64_t column = output % kPanelOutputs;
  if (matrix.format == WeightFormat::kInt8) return ReadAt<float>(scales, column);
  const int64_t group = input / GroupInputs(matrix.format, matrix.num_inputs);
  return F16ToF32(ReadAt<uint16_t>(scales, group * kPanelOutputs + column));
}

float UnpackElement(const WeightMatrix& matrix, int64_t output, int64_t input) {
  const std::byte* panel = PanelOf(matrix, output);
  const int64_t column = output % kPanelOutputs;
  switch (matrix.format) {
    case WeightFormat::kF32:
      return ReadAt<float>(panel, input * kPanelOutputs + column);
    case WeightFormat::kF16:
      return F16ToF32(ReadAt<uint16_t>(panel, input * kPanelOutputs + column));
    case WeightFormat::kBf16:
      return Bf16ToF32(ReadAt<uint16_t>(panel, (input / 2 * kPanelOutputs + column) * 2 + input % 2));
    default:
      return static_cast<float>(UnpackInteger(matrix, output, input)) * UnpackScale(matrix, output, input);
  }
}

}  // namespace foregate
