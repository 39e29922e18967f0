// Float panels: a transpose in blocks, because 16 rows whose pitch is a power of two meet in one set of the L1 cache
// and would evict each other between two elements.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/weights/pack_panel.h"

namespace foregate::internal {
namespace {

// Two cache lines of a 16-bit source.
constexpr int64_t kBlock = 64;

template <DType kFrom, DType kTo>
auto Convert(auto value) {
  if constexpr (kFrom == kTo) {
    return value;
  } else if constexpr (kTo == DType::kF32) {
    return kFrom == DType::kBf16 ? Bf16ToF32(value) : F16ToF32(value);
  } else if constexpr (kFrom == DType::kF32) {
    return kTo == DType::kBf16 ? F32ToBf16(value) : F32ToF16(value);
  } else {
    return kFrom == DType::kBf16 ? F32ToF16(Bf16ToF32(value)) : F32ToBf16(F16ToF32(value));
  }
}

template <DType kType>
using Element = std::conditional_t<kType == DType::kF32, float, uint16_t>;

// block [16][num_units] of words -> panel [num_units][16], in squares of four. The block's units are a multiple of 4.
void TransposeWords(const std::byte* block, int64_t num_units, std::byte* panel) {
  using Words = uint32_t __attribute__((vector_size(16)));
  constexpr auto kRowBytes = static_cast<int64_t>(sizeof(uint32_t)) * kPanelOutputs;
  for (int64_t u = 0; u < num_units; u += 4) {
    for (int64_t o = 0; o < kPanelOutputs; o += 4) {
      Words in[4];
      for (int64_t i = 0; i < 4; ++i) std::memcpy(&in[i], block + ((o + i) * num_units + u) * 4, sizeof in[i]);
      const Words low01 = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
      const Words low23 = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
      const Words high01 = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
      const Words high23 = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
      const Words out[4] = {
          __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
          __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
      for (int64_t i = 0; i < 4; ++i) std::memcpy(panel + (u + i) * kRowBytes + o * 4, &out[i], sizeof out[i]);
    }
  }
}

// block [16][kBlock] -> panel [units][16], a unit being what lies side by side of one output.
template <typename Unit, typename T>
void Transpose(const T (&block)[kPanelOutputs][kBlock], int64_t num_units, std::byte* panel) {
  constexpr auto kPerUnit = static_cast<int64_t>(sizeof(Unit) / sizeof(T));
  if constexpr (sizeof(Unit) == 4) {
    if (num_units * kPerUnit == kBlock)
      return TransposeWords(reinterpret_cast<const std::byte*>(block), num_units, panel);
  }
  for (int64_t u = 0; u < num_units; ++u) {
    Unit line[kPanelOutputs];
#pragma GCC unroll 16
    for (int64_t o = 0; o < kPanelOutputs; ++o) std::memcpy(&line[o], &block[o][u * kPerUnit], sizeof(Unit));
    std::memcpy(panel + u * static_cast<int64_t>(sizeof line), line, sizeof line);
  }
}

template <DType kFrom, DType kTo>
void PackPanel(const TensorView& rows, std::byte* panel) {
  using To = Element<kTo>;
  using Unit = std::conditional_t<kTo == DType::kBf16, uint32_t, To>;
  constexpr auto kPerUnit = static_cast<int64_t>(sizeof(Unit) / sizeof(To));
  const auto* from = rows.as<const Element<kFrom>>();
  const int64_t num_inputs = rows.dim(1);
  To block[kPanelOutputs][kBlock] = {};
  for (int64_t k = 0; k < num_inputs; k += kBlock) {
    const int64_t count = std::min(kBlock, num_inputs - k);
    for (int64_t o = 0; o < rows.dim(0); ++o) {
      const Element<kFrom>* row = from + o * num_inputs + k;
      if (count == kBlock) {
        for (int64_t i = 0; i < kBlock; ++i) block[o][i] = Convert<kFrom, kTo>(row[i]);
        continue;
      }
      for (int64_t i = 0; i < count; ++i) block[o][i] = Convert<kFrom, kTo>(row[i]);
      std::fill(block[o] + count, block[o] + kBlock, To{0});
    }
    std::byte* to = panel + k * kPanelOutputs * static_cast<int64_t>(sizeof(To));
    Transpose<Unit>(block, (count + kPerUnit - 1) / kPerUnit, to);
  }
}

template <DType kTo>
void PackPanelFromAny(const TensorView& rows, std::byte* panel) {
  switch (rows.dtype()) {
    case DType::kF32:
      return PackPanel<DType::kF32, kTo>(rows, panel);
    case DType::kBf16:
      return PackPanel<DType::kBf16, kTo>(rows, panel);
    case DType::kF16:
      return PackPanel<DType::kF16, kTo>(rows, panel);
    case DType::kI32:
      break;
  }
  FOREGATE_CHECK(false);
}

}  // namespace

void PackFloatPanel(const TensorView& rows, WeightFormat format, std::byte* panel) {
  const PanelLayout layout = LayoutOfPanel(format, rows.dim(1));
  std::memset(panel + layout.value_bytes, 0, layout.stride_bytes - layout.value_bytes);
  switch (format) {
    case WeightFormat::kF32:
      return PackPanelFromAny<DType::kF32>(rows, panel);
    case WeightFormat::kBf16:
      return PackPanelFromAny<DType::kBf16>(rows, panel);
    case WeightFormat::kF16:
      return PackPanelFromAny<DType::kF16>(rows, panel);
    default:
      FOREGATE_CHECK(false);
  }
}

}  // namespace foregate::internal
