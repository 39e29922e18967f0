// Weight formats, and the packed layout "panel16.v1" in which every CPU kernel reads a weight matrix.
//
// A matrix W [N outputs, K inputs] is cut into panels of 16 outputs. A panel holds, for ascending k, the 16 outputs'
// values side by side, so that a register of outputs meets one broadcast input, on every instruction set:
//
//   f32        [K][16]
//   f16        [K][16]
//   bf16       [K/2][16][2]         pairs along k: what vdpbf16ps and AMX take; widened by one shift and one mask
//   int8       [K/4][16][4] u8      value + 128; quads along k: what vpdpbusd and AMX take
//              [16] f32             one scale per output
//   int8-g32   [K/4][16][4] u8      value + 128
//              [ceil(K/32)][16] f16 one scale per group of 32 inputs and output (GGUF's Q8_0, repacked exactly)
//   int4       [K/8][16][4] u8      low nibble: value + 8 of k % 8 in 0..3; high nibble: k % 8 in 4..7
//              [ceil(K/g)][16] f16  one scale per group of g inputs and output; g is 128, or 32 in int4-g32 (which also
//                                   holds GGUF's Q4_0 exactly)
//
// K is rounded up to 2, 4 or 8 as the unit demands and N to 16: padding is the format's zero, with scale 0. A panel's
// values come first, then its scales; panels start at multiples of 64 bytes.
#ifndef FOREGATE_KERNELS_API_WEIGHT_MATRIX_H_
#define FOREGATE_KERNELS_API_WEIGHT_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace foregate {

// How the values of a weight matrix are stored.
enum class WeightFormat : uint8_t { kF32, kBf16, kF16, kInt8, kInt8G32, kInt4G128, kInt4G32 };
inline constexpr int kNumWeightFormats = 7;

inline constexpr const char* kPackedLayout = "panel16.v1";
inline constexpr int64_t kPanelOutputs = 16;

// "f32", "bf16", "f16", "int8", "int8-g32", "int4", "int4-g32": the names of --weights.
const char* WeightFormatName(WeightFormat format);
std::optional<WeightFormat> ParseWeightFormat(std::string_view name);

// Integer formats multiply quantized activations; the others multiply f32.
constexpr bool IsQuantized(WeightFormat format) { return format >= WeightFormat::kInt8; }

// Inputs that share a scale, of the weights and of the activations that meet them.
constexpr int64_t GroupInputs(WeightFormat format, int64_t num_inputs) {
  switch (format) {
    case WeightFormat::kInt4G128:
      return 128;
    case WeightFormat::kInt4G32:
    case WeightFormat::kInt8G32:
      return 32;
    default:
      return num_inputs;
  }
}
constexpr int64_t NumGroups(WeightFormat format, int64_t num_inputs) {
  const int64_t group = GroupInputs(format, num_inputs);
  return (num_inputs + group - 1) / group;
}

// Where things lie in one panel, in bytes.
struct PanelLayout {
  size_t value_bytes = 0;   // also the offset of the scales
  size_t scale_bytes = 0;   // 0 for float formats
  size_t stride_bytes = 0;  // from panel to panel, a multiple of 64
};
PanelLayout LayoutOfPanel(WeightFormat format, int64_t num_inputs);

// A packed matrix; owns nothing. `data` is device memory, aligned to 64 bytes.
struct WeightMatrix {
  void* data = nullptr;
  WeightFormat format = WeightFormat::kF32;
  int64_t num_outputs = 0;  // N
  int64_t num_inputs = 0;   // K

  bool empty() const { return data == nullptr; }
  int64_t num_panels() const { return (num_outputs + kPanelOutputs - 1) / kPanelOutputs; }
  // Of the whole packed matrix.
  size_t num_bytes() const;
};

size_t PackedBytes(WeightFormat format, int64_t num_outputs, int64_t num_inputs);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_WEIGHT_MATRIX_H_
