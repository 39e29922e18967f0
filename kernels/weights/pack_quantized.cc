// Quantized panels: group after group, the 16 rows' integers meet in a block and are stored unit by unit.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/weights/pack_panel.h"
#include "kernels/weights/quantize_group.h"

namespace foregate::internal {
namespace {

// The largest group, and how much of an int8 row is done at a time.
constexpr int64_t kBlock = 128;
using Block = int8_t[kPanelOutputs][kBlock];

uint32_t FourBytes(const int8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// `count` inputs of the block, which is zero behind them, to [count / 4][16][4] u8.
void StoreInt8(const Block& block, int64_t count, std::byte* to) {
  for (int64_t k = 0; k < count; k += 4) {
    uint32_t line[kPanelOutputs];
    // Flipping the sign bit adds the zero point, 128.
    for (int64_t o = 0; o < kPanelOutputs; ++o) line[o] = FourBytes(block[o] + k) ^ 0x80808080u;
    std::memcpy(to + k * kPanelOutputs, line, sizeof line);
  }
}

// To [count / 8][16][4] u8 of two nibbles.
void StoreInt4(const Block& block, int64_t count, std::byte* to) {
  // Within four bits, flipping the sign bit adds the zero point, 8.
  const auto nibbles = [](uint32_t word) { return (word & 0x0f0f0f0fu) ^ 0x08080808u; };
  for (int64_t k = 0; k < count; k += 8) {
    uint32_t line[kPanelOutputs];
    for (int64_t o = 0; o < kPanelOutputs; ++o) {
      line[o] = nibbles(FourBytes(block[o] + k)) | nibbles(FourBytes(block[o] + k + 4)) << 4;
    }
    std::memcpy(to + k / 2 * kPanelOutputs, line, sizeof line);
  }
}

void StoreBlock(WeightFormat format, const Block& block, int64_t first_input, int64_t count, std::byte* panel) {
  if (format == WeightFormat::kInt8 || format == WeightFormat::kInt8G32) {
    StoreInt8(block, count, panel + first_input * kPanelOutputs);
  } else {
    StoreInt4(block, count, panel + first_input / 2 * kPanelOutputs);
  }
}

// Elements [first, first + count) of a row, widened, with zeros up to kBlock.
void WidenBlock(const TensorView& rows, int64_t row, int64_t first, int64_t count, float (&x)[kBlock]) {
  const int64_t at = row * rows.dim(1) + first;
  switch (rows.dtype()) {
    case DType::kF32:
      std::memcpy(x, rows.as<const float>() + at, static_cast<size_t>(count) * sizeof(float));
      break;
    case DType::kBf16: {
      const auto* from = rows.as<const uint16_t>() + at;
      // A constant number of elements becomes vectors.
      if (count == kBlock) {
        for (int64_t i = 0; i < kBlock; ++i) x[i] = Bf16ToF32(from[i]);
      } else {
        for (int64_t i = 0; i < count; ++i) x[i] = Bf16ToF32(from[i]);
      }
      break;
    }
    case DType::kF16: {
      const auto* from = rows.as<const uint16_t>() + at;
      for (int64_t i = 0; i < count; ++i) x[i] = F16ToF32(from[i]);
      break;
    }
    case DType::kI32:
      FOREGATE_CHECK(false);
  }
  std::fill(x + count, x + kBlock, 0.0f);
}

// Calls body(first_input, count) over blocks of `width` inputs.
template <typename Body>
void ForBlocks(int64_t num_inputs, int64_t width, Body body) {
  for (int64_t k = 0; k < num_inputs; k += width) body(k, std::min(width, num_inputs - k));
}

// One scale a row: the row is read twice.
void QuantizePanelByRows(const TensorView& rows, float* scales, std::byte* panel) {
  const int64_t num_inputs = rows.dim(1);
  float x[kBlock];
  float inverse[kPanelOutputs] = {};
  for (int64_t o = 0; o < rows.dim(0); ++o) {
    float largest = 0.0f;
    ForBlocks(num_inputs, kBlock, [&](int64_t k, int64_t count) {
      WidenBlock(rows, o, k, count, x);
      largest = std::max(largest, LargestMagnitude(x, kBlock));
    });
    const float inverse_scale = 127.0f / largest;
    if (!std::isfinite(inverse_scale)) continue;
    scales[o] = largest / 127.0f;
    inverse[o] = inverse_scale;
  }
  Block block = {};
  ForBlocks(num_inputs, kBlock, [&](int64_t k, int64_t count) {
    for (int64_t o = 0; o < rows.dim(0); ++o) {
      WidenBlock(rows, o, k, count, x);
      RoundToIntegers(x, kBlock, inverse[o], -127.0f, 127.0f, block[o]);
    }
    StoreBlock(WeightFormat::kInt8, block, k, count, panel);
  });
}

void QuantizePanelByGroups(const TensorView& rows, WeightFormat format, uint16_t* scales, std::byte* panel) {
  const int64_t group = GroupInputs(format, rows.dim(1));
  const auto quantize = format == WeightFormat::kInt8G32 ? QuantizeGroupInt8 : QuantizeGroupInt4;
  float x[kBlock];
  Block block = {};
  ForBlocks(rows.dim(1), group, [&](int64_t k, int64_t count) {
    for (int64_t o = 0; o < rows.dim(0); ++o) {
      WidenBlock(rows, o, k, count, x);
      scales[k / group * kPanelOutputs + o] = quantize(x, group, block[o]);
    }
    StoreBlock(format, block, k, count, panel);
  });
}

// Zeroes the scales and the padding behind them; returns where the scales go.
std::byte* ClearScales(WeightFormat format, int64_t num_inputs, std::byte* panel) {
  const PanelLayout layout = LayoutOfPanel(format, num_inputs);
  std::memset(panel + layout.value_bytes, 0, layout.stride_bytes - layout.value_bytes);
  return panel + layout.value_bytes;
}

}  // namespace

void QuantizePanel(const TensorView& rows, WeightFormat format, std::byte* panel) {
  std::byte* scales = ClearScales(format, rows.dim(1), panel);
  if (format == WeightFormat::kInt8) {
    QuantizePanelByRows(rows, reinterpret_cast<float*>(scales), panel);
  } else {
    QuantizePanelByGroups(rows, format, reinterpret_cast<uint16_t*>(scales), panel);
  }
}

void PackQuantizedPanel(const QuantizedPanelRows& rows, WeightFormat format, std::byte* panel) {
  const int64_t group = GroupInputs(format, rows.num_inputs);
  const int64_t num_groups = NumGroups(format, rows.num_inputs);
  auto* scales = reinterpret_cast<uint16_t*>(ClearScales(format, rows.num_inputs, panel));
  Block block = {};
  ForBlocks(rows.num_inputs, group, [&](int64_t k, int64_t count) {
    for (int64_t o = 0; o < rows.num_rows; ++o) {
      std::memcpy(block[o], rows.values + o * rows.num_inputs + k, static_cast<size_t>(count));
      std::fill(block[o] + count, block[o] + kBlock, int8_t{0});
      scales[k / group * kPanelOutputs + o] = rows.scales[o * num_groups + k / group];
    }
    StoreBlock(format, block, k, count, panel);
  });
}

}  // namespace foregate::internal
