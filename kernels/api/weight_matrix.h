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
//   iq4_nl     [K/8][16][4] u8      nibbles as int4's, which index kIq4NlValues (block_formats.h)
//              [K/32][16] f16       one scale per group of 32 inputs and output
//   mxfp4      [K/8][16][4] u8      nibbles as int4's, which index kMxfp4Values
//              [K/32][16] bf16      one scale per group and output: a power of two from 2^-128 to 2^127
//   q4_k, q5_k, q6_k                blocks of 256 inputs, each with its scales: block_formats.h
//
// The last five hold the block types of GGUF of the same names exactly, and are made of nothing else (PackBlocks): K is
// a multiple of 32, in q4_k, q5_k and q6_k of 256. For the others K is rounded up to 2, 4 or 8 as the unit demands. N
// is rounded up to 16. Padding is the format's zero, or has scale 0. A panel's values come first, then its scales;
// panels start at multiples of 64 bytes.
#ifndef FOREGATE_KERNELS_API_WEIGHT_MATRIX_H_
#define FOREGATE_KERNELS_API_WEIGHT_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace foregate {

// How the values of a weight matrix are stored.
enum class WeightFormat : uint8_t {
  kF32,
  kBf16,
  kF16,
  kInt8,
  kInt8G32,
  kInt4G128,
  kInt4G32,
  kIq4Nl,
  kMxfp4,
  kQ4K,
  kQ5K,
  kQ6K
};
inline constexpr int kNumWeightFormats = 12;

inline constexpr const char* kPackedLayout = "panel16.v1";
inline constexpr int64_t kPanelOutputs = 16;

// "f32", "bf16", "f16", "int8", "int8-g32", "int4", "int4-g32": the names of --weights; "iq4_nl", "mxfp4", "q4_k",
// "q5_k", "q6_k": what GGUF files may store.
const char* WeightFormatName(WeightFormat format);
std::optional<WeightFormat> ParseWeightFormat(std::string_view name);

// Integer formats multiply quantized activations; the others multiply f32.
constexpr bool IsQuantized(WeightFormat format) { return format >= WeightFormat::kInt8; }

// Formats that PackRows makes of floats; the others are made by PackBlocks.
constexpr bool IsMadeOfFloats(WeightFormat format) { return format <= WeightFormat::kInt4G32; }
// Formats whose panels are made of blocks of 256 inputs.
constexpr bool HasBlocks(WeightFormat format) { return format >= WeightFormat::kQ4K; }
// Formats whose weights are scale * integer - minimum.
constexpr bool HasMinima(WeightFormat format) { return format == WeightFormat::kQ4K || format == WeightFormat::kQ5K; }

// Inputs that share a scale, of the weights and of the activations that meet them.
constexpr int64_t GroupInputs(WeightFormat format, int64_t num_inputs) {
  switch (format) {
    case WeightFormat::kInt4G128:
      return 128;
    case WeightFormat::kInt4G32:
    case WeightFormat::kInt8G32:
    case WeightFormat::kIq4Nl:
    case WeightFormat::kMxfp4:
    case WeightFormat::kQ4K:
    case WeightFormat::kQ5K:
      return 32;
    case WeightFormat::kQ6K:
      return 16;
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
  size_t scale_bytes = 0;   // 0 for float formats, and where scales lie between the values
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
