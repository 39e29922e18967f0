#include <algorithm>
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

// Reads what is stored of one output of a matrix in blocks (q4_k, q5_k, q6_k).
template <int kHighBits>
struct KOutput {
  using Block = KBlock<kHighBits>;

  // The integer of `input`, without its zero point.
  int32_t operator()(int64_t input) const {
    const int64_t place = input % Block::kGroupInputs;
    const std::byte* values = BlockOf(input) + Block::kGroupsOffset + GroupOf(input) * Block::kGroupBytes;
    const int both = ReadAt<uint8_t>(values, (place / 8 * kPanelOutputs + column) * 4 + place % 4);
    int integer = place % 8 < 4 ? both & 15 : both >> 4;
    if constexpr (kHighBits > 0) {
      const int high = ReadAt<uint8_t>(values + Block::kHighBitsOffset, column * 4 + place % 4);
      integer |= (high >> place / 4 * kHighBits & ((1 << kHighBits) - 1)) << 4;
    }
    return integer - Block::kZeroPoint;
  }
  float Scale(int64_t input) const {
    const std::byte* scales = ScalesOf(input);
    const int scale = Block::kHasMinima ? ReadAt<uint8_t>(scales, column) : ReadAt<int8_t>(scales, column);
    return F16ToF32(ReadAt<uint16_t>(BlockOf(input), column)) * static_cast<float>(scale);
  }
  float Minimum(int64_t input) const {
    if constexpr (!Block::kHasMinima) return 0.0f;
    return F16ToF32(ReadAt<uint16_t>(BlockOf(input) + Block::kMinimaOfScalesOffset, column)) *
           static_cast<float>(ReadAt<uint8_t>(ScalesOf(input) + Block::kMinimaOffset, column));
  }
  const std::byte* BlockOf(int64_t input) const { return panel + input / Block::kInputs * Block::kBytes; }
  static int64_t GroupOf(int64_t input) { return input % Block::kInputs / Block::kGroupInputs; }
  const std::byte* ScalesOf(int64_t input) const {
    return BlockOf(input) + Block::kScalesOffset + GroupOf(input) * Block::kScaleBytes;
  }

  const std::byte* panel;
  int64_t column;
};

// use(KOutput), or `otherwise` for the formats without such blocks.
template <typename Use>
float OfBlocks(const WeightMatrix& matrix, int64_t output, float otherwise, Use use) {
  const std::byte* panel = PanelOf(matrix, output);
  const int64_t column = output % kPanelOutputs;
  switch (matrix.format) {
    case WeightFormat::kQ4K:
      return use(KOutput<0>{panel, column});
    case WeightFormat::kQ5K:
      return use(KOutput<1>{panel, column});
    case WeightFormat::kQ6K:
      return use(KOutput<2>{panel, column});
    default:
      return otherwise;
  }
}

// Calls `use` once with a function that reads what is stored of an input of `output`: the weight, a float, of a float
// format; the integer without its zero point of the others. The format is decided outside the loops of `use`.
template <typename Use>
auto WithStored(const WeightMatrix& matrix, int64_t output, Use use) {
  const std::byte* panel = PanelOf(matrix, output);
  const int64_t column = output % kPanelOutputs;
  const auto nibble = [panel, column](int64_t input) {
    const int both = ReadAt<uint8_t>(panel, (input / 8 * kPanelOutputs + column) * 4 + input % 4);
    return input % 8 < 4 ? both & 15 : both >> 4;
  };
  switch (matrix.format) {
    case WeightFormat::kF32:
      return use([=](int64_t input) { return ReadAt<float>(panel, input * kPanelOutputs + column); });
    case WeightFormat::kF16:
      return use([=](int64_t input) { return F16ToF32(ReadAt<uint16_t>(panel, input * kPanelOutputs + column)); });
    case WeightFormat::kBf16:
      return use([=](int64_t input) {
        return Bf16ToF32(ReadAt<uint16_t>(panel, (input / 2 * kPanelOutputs + column) * 2 + input % 2));
      });
    case WeightFormat::kInt8:
    case WeightFormat::kInt8G32:
      return use([=](int64_t input) -> int32_t {
        return ReadAt<uint8_t>(panel, (input / 4 * kPanelOutputs + column) * 4 + input % 4) - 128;
      });
    case WeightFormat::kInt4G128:
    case WeightFormat::kInt4G32:
      return use([=](int64_t input) -> int32_t { return nibble(input) - 8; });
    case WeightFormat::kIq4Nl:
      return use([=](int64_t input) -> int32_t { return kIq4NlValues[nibble(input)]; });
    case WeightFormat::kMxfp4:
      return use([=](int64_t input) -> int32_t { return kMxfp4Values[nibble(input)]; });
    case WeightFormat::kQ4K:
      return use(KOutput<0>{panel, column});
    case WeightFormat::kQ5K:
      return use(KOutput<1>{panel, column});
    case WeightFormat::kQ6K:
      return use(KOutput<2>{panel, column});
  }
  FOREGATE_CHECK(false);
}

}  // namespace

int32_t UnpackInteger(const WeightMatrix& matrix, int64_t output, int64_t input) {
  FOREGATE_CHECK(IsQuantized(matrix.format));
  return WithStored(matrix, output, [&](const auto& stored) { return static_cast<int32_t>(stored(input)); });
}

float UnpackScale(const WeightMatrix& matrix, int64_t output, int64_t input) {
  if (!IsQuantized(matrix.format)) return 1.0f;
  if (HasBlocks(matrix.format))
    return OfBlocks(matrix, output, 0.0f, [&](const auto& blocks) { return blocks.Scale(input); });
  const std::byte* scales = PanelOf(matrix, output) + LayoutOfPanel(matrix.format, matrix.num_inputs).value_bytes;
  const int64_t column = output % kPanelOutputs;
  if (matrix.format == WeightFormat::kInt8) return ReadAt<float>(scales, column);
  const int64_t group = input / GroupInputs(matrix.format, matrix.num_inputs);
  const auto scale = ReadAt<uint16_t>(scales, group * kPanelOutputs + column);
  return matrix.format == WeightFormat::kMxfp4 ? Bf16ToF32(scale) : F16ToF32(scale);
}

float UnpackMinimum(const WeightMatrix& matrix, int64_t output, int64_t input) {
  return OfBlocks(matrix, output, 0.0f, [&](const auto& blocks) { return blocks.Minimum(input); });
}

float UnpackElement(const WeightMatrix& matrix, int64_t output, int64_t input) {
  if (!IsQuantized(matrix.format))
    return WithStored(matrix, output, [&](const auto& stored) { return static_cast<float>(stored(input)); });
  const float value = static_cast<float>(UnpackInteger(matrix, output, input)) * UnpackScale(matrix, output, input);
  return HasMinima(matrix.format) ? value - UnpackMinimum(matrix, output, input) : value;
}

void UnpackRow(const WeightMatrix& matrix, int64_t output, float* values) {
  FOREGATE_CHECK(output >= 0 && output < matrix.num_outputs);
  const int64_t group = GroupInputs(matrix.format, matrix.num_inputs);
  WithStored(matrix, output, [&](const auto& stored) {
    for (int64_t first = 0; first < matrix.num_inputs; first += group) {
      const int64_t end = std::min(first + group, matrix.num_inputs);
      for (int64_t k = first; k < end; ++k) values[k] = static_cast<float>(stored(k));
      if (!IsQuantized(matrix.format)) continue;
      const float scale = UnpackScale(matrix, output, first);
      const float minimum = UnpackMinimum(matrix, output, first);
      // Without minima it is +0, which leaves every bit as it is.
      for (int64_t k = first; k < end; ++k) values[k] = values[k] * scale - minimum;
    }
  });
}

}  // namespace foregate
