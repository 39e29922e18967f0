#include <cstddef>
#include <cstring>

#include "kernels/api/block_formats.h"
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

// Where the output and the input lie in blocks of q4_k, q5_k and q6_k.
template <int kHighBits>
struct KElement {
  using Block = KBlock<kHighBits>;

  KElement(const WeightMatrix& matrix, int64_t output, int64_t input)
      : block(PanelOf(matrix, output) + input / Block::kInputs * Block::kBytes),
        column(output % kPanelOutputs),
        group(input % Block::kInputs / Block::kGroupInputs),
        place(input % Block::kGroupInputs) {}

  int32_t Integer() const {
    const std::byte* values = block + Block::kGroupsOffset + group * Block::kGroupBytes;
    const int both = ReadAt<uint8_t>(values, (place / 8 * kPanelOutputs + column) * 4 + place % 4);
    int integer = place % 8 < 4 ? both & 15 : both >> 4;
    if constexpr (kHighBits > 0) {
      const int high = ReadAt<uint8_t>(values + Block::kHighBitsOffset, column * 4 + place % 4);
      integer |= (high >> place / 4 * kHighBits & ((1 << kHighBits) - 1)) << 4;
    }
    return integer - Block::kZeroPoint;
  }
  float Scale() const {
    const std::byte* scales = block + Block::kScalesOffset + group * Block::kScaleBytes;
    const int scale = Block::kHasMinima ? ReadAt<uint8_t>(scales, column) : ReadAt<int8_t>(scales, column);
    return F16ToF32(ReadAt<uint16_t>(block, column)) * static_cast<float>(scale);
  }
  float Minimum() const {
    if constexpr (!Block::kHasMinima) return 0.0f;
    const std::byte* scales = block + Block::kScalesOffset + group * Block::kScaleBytes;
    return F16ToF32(ReadAt<uint16_t>(block + Block::kMinimaOfScalesOffset, column)) *
           static_cast<float>(ReadAt<uint8_t>(scales + Block::kMinimaOffset, column));
  }

  const std::byte* block;
  int64_t column;
  int64_t group;
  int64_t place;  // in the group
};

// function(KElement), or `otherwise` for the formats without such blocks.
template <typename T, typename Function>
T OfKElement(const WeightMatrix& matrix, int64_t output, int64_t input, T otherwise, Function function) {
  switch (matrix.format) {
    case WeightFormat::kQ4K:
      return function(KElement<0>(matrix, output, input));
    case WeightFormat::kQ5K:
      return function(KElement<1>(matrix, output, input));
    case WeightFormat::kQ6K:
      return function(KElement<2>(matrix, output, input));
    default:
      return otherwise;
  }
}

}  // namespace

int32_t UnpackInteger(const WeightMatrix& matrix, int64_t output, int64_t input) {
  FOREGATE_CHECK(IsQuantized(matrix.format));
  const std::byte* panel = PanelOf(matrix, output);
  const int64_t column = output % kPanelOutputs;
  if (matrix.format == WeightFormat::kInt8 || matrix.format == WeightFormat::kInt8G32) {
    return ReadAt<uint8_t>(panel, (input / 4 * kPanelOutputs + column) * 4 + input % 4) - 128;
  }
  if (HasBlocks(matrix.format))
    return OfKElement(matrix, output, input, 0, [](const auto& element) { return element.Integer(); });
  const int both = ReadAt<uint8_t>(panel, (input / 8 * kPanelOutputs + column) * 4 + input % 4);
  const int nibble = input % 8 < 4 ? both & 15 : both >> 4;
  if (matrix.format == WeightFormat::kIq4Nl) return kIq4NlValues[nibble];
  if (matrix.format == WeightFormat::kMxfp4) return kMxfp4Values[nibble];
  return nibble - 8;
}

float UnpackScale(const WeightMatrix& matrix, int64_t output, int64_t input) {
  if (!IsQuantized(matrix.format)) return 1.0f;
  if (HasBlocks(matrix.format))
    return OfKElement(matrix, output, input, 0.0f, [](const auto& element) { return element.Scale(); });
  const std::byte* scales = PanelOf(matrix, output) + LayoutOfPanel(matrix.format, matrix.num_inputs).value_bytes;
  const int64_t column = output % kPanelOutputs;
  if (matrix.format == WeightFormat::kInt8) return ReadAt<float>(scales, column);
  const int64_t group = input / GroupInputs(matrix.format, matrix.num_inputs);
  const auto scale = ReadAt<uint16_t>(scales, group * kPanelOutputs + column);
  return matrix.format == WeightFormat::kMxfp4 ? Bf16ToF32(scale) : F16ToF32(scale);
}

float UnpackMinimum(const WeightMatrix& matrix, int64_t output, int64_t input) {
  return OfKElement(matrix, output, input, 0.0f, [](const auto& element) { return element.Minimum(); });
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
      break;
  }
  const float value = static_cast<float>(UnpackInteger(matrix, output, input)) * UnpackScale(matrix, output, input);
  return HasMinima(matrix.format) ? value - UnpackMinimum(matrix, output, input) : value;
}

}  // namespace foregate
