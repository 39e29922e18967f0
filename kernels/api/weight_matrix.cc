#include "kernels/api/weight_matrix.h"

#include <array>

#include "kernels/api/block_formats.h"

namespace foregate {
namespace {

constexpr std::array kNames = {"f32",      "bf16",   "f16",   "int8", "int8-g32", "int4",
                               "int4-g32", "iq4_nl", "mxfp4", "q4_k", "q5_k",     "q6_k"};
static_assert(kNames.size() == kNumWeightFormats);
constexpr size_t kPanelAlignment = 64;

constexpr size_t RoundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t ValueBytes(WeightFormat format, size_t num_inputs) {
  switch (format) {
    case WeightFormat::kF32:
      return num_inputs * kPanelOutputs * 4;
    case WeightFormat::kF16:
      return num_inputs * kPanelOutputs * 2;
    case WeightFormat::kBf16:
      return RoundUp(num_inputs, 2) * kPanelOutputs * 2;
    case WeightFormat::kInt8:
    case WeightFormat::kInt8G32:
      return RoundUp(num_inputs, 4) * kPanelOutputs;
    case WeightFormat::kInt4G128:
    case WeightFormat::kInt4G32:
    case WeightFormat::kIq4Nl:
    case WeightFormat::kMxfp4:
      return RoundUp(num_inputs, 8) / 2 * kPanelOutputs;
    case WeightFormat::kQ4K:
      return RoundUp(num_inputs, 256) / 256 * KBlock<0>::kBytes;
    case WeightFormat::kQ5K:
      return RoundUp(num_inputs, 256) / 256 * KBlock<1>::kBytes;
    case WeightFormat::kQ6K:
      return RoundUp(num_inputs, 256) / 256 * KBlock<2>::kBytes;
  }
  return 0;
}

}  // namespace

const char* WeightFormatName(WeightFormat format) { return kNames[static_cast<size_t>(format)]; }

std::optional<WeightFormat> ParseWeightFormat(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<WeightFormat>(i);
  }
  return std::nullopt;
}

PanelLayout LayoutOfPanel(WeightFormat format, int64_t num_inputs) {
  PanelLayout layout;
  layout.value_bytes = ValueBytes(format, static_cast<size_t>(num_inputs));
  if (IsQuantized(format) && !HasBlocks(format)) {
    const size_t bytes_per_scale = format == WeightFormat::kInt8 ? 4 : 2;
    layout.scale_bytes = static_cast<size_t>(NumGroups(format, num_inputs)) * kPanelOutputs * bytes_per_scale;
  }
  layout.stride_bytes = RoundUp(layout.value_bytes + layout.scale_bytes, kPanelAlignment);
  return layout;
}

size_t PackedBytes(WeightFormat format, int64_t num_outputs, int64_t num_inputs) {
  const auto num_panels = static_cast<size_t>((num_outputs + kPanelOutputs - 1) / kPanelOutputs);
  return num_panels * LayoutOfPanel(format, num_inputs).stride_bytes;
}

size_t WeightMatrix::num_bytes() const { return PackedBytes(format, num_outputs, num_inputs); }

}  // namespace foregate
