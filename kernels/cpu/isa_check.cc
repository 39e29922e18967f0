#include "kernels/cpu/isa_check.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/api/weight_matrix.h"
#include "kernels/base/bf16_arithmetic.h"
#include "kernels/base/float_types.h"

namespace foregate::internal {
namespace {

constexpr int64_t kPanel = kPanelOutputs;

// Reproducible numbers; quality does not matter.
class Numbers {
 public:
  uint32_t Bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 32);
  }
  // In [-1, 1), now and then tiny, so that subnormal products appear.
  float Value() {
    const float value = static_cast<float>(static_cast<int32_t>(Bits())) * 0x1p-31f;
    const uint32_t kind = Bits() % 64;
    return kind == 0 ? value * 0x1p-70f : kind == 1 ? value * 0x1p-130f : value;
  }

 private:
  uint64_t state_ = 1;
};

// What the products of a shape are computed from: rows, and panels with random values and plausible scales.
struct Operands {
  CheckShape shape;
  WeightFormat format;
  PanelLayout layout;
  std::vector<float> x;
  std::vector<int32_t> x_rows;
  // In lines, for the alignment that packed matrices have.
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines;

  const std::byte* panels() const { return lines.data()->bytes; }
  std::byte* panels() { return lines.data()->bytes; }
};

void FillFloats(const CheckShape& shape, WeightFormat format, Numbers& numbers, std::byte* panel) {
  const auto put = [panel](int64_t at, auto value) { std::memcpy(panel + at, &value, sizeof value); };
  for (int64_t k = 0; k < shape.num_inputs; ++k) {
    for (int64_t n = 0; n < kPanel; ++n) {
      const float value = numbers.Value();
      if (format == WeightFormat::kF32) {
        put((k * kPanel + n) * 4, value);
      } else if (format == WeightFormat::kF16) {
        put((k * kPanel + n) * 2, F32ToF16(value));
      } else {
        put((k / 2 * kPanel + n) * 4 + k % 2 * 2, F32ToBf16(value));
      }
    }
  }
}

void FillIntegers(const PanelLayout& layout, WeightFormat format, Numbers& numbers, std::byte* panel) {
  for (size_t i = 0; i < layout.value_bytes; i += 4) {
    const uint32_t four = numbers.Bits();
    std::memcpy(panel + i, &four, sizeof four);
  }
  std::byte* const scales = panel + layout.value_bytes;
  const size_t scale_size = format == WeightFormat::kInt8 ? 4 : 2;
  for (size_t i = 0; i < layout.scale_bytes; i += scale_size) {
    const float scale = 0.001f + 0.0001f * static_cast<float>(numbers.Bits() % 64);
    const uint16_t half = F32ToF16(scale);
    std::memcpy(scales + i, scale_size == 4 ? static_cast<const void*>(&scale) : &half, scale_size);
  }
}

Operands MakeOperands(const CheckShape& shape, WeightFormat format, Numbers& numbers) {
  Operands operands = {shape, format, LayoutOfPanel(format, shape.num_inputs), {}, {}, {}};
  for (int64_t i = 0; i < shape.num_rows * shape.num_inputs; ++i) operands.x.push_back(numbers.Value());
  for (int64_t r = 0; r < shape.num_rows; ++r) {
    operands.x_rows.push_back(static_cast<int32_t>(numbers.Bits() % static_cast<uint32_t>(shape.num_rows)));
  }
  const int64_t num_panels = (shape.num_outputs + kPanel - 1) / kPanel;
  operands.lines.resize(static_cast<size_t>(num_panels) * operands.layout.stride_bytes / 64);
  for (int64_t p = 0; p < num_panels; ++p) {
    std::byte* const panel = operands.panels() + static_cast<size_t>(p) * operands.layout.stride_bytes;
    if (IsQuantized(format)) {
      FillIntegers(operands.layout, format, numbers, panel);
    } else {
      FillFloats(shape, format, numbers, panel);
    }
  }
  return operands;
}

std::vector<float> FloatProducts(const IsaTable& table, const Operands& operands) {
  const CheckShape& shape = operands.shape;
  std::vector<float> out(static_cast<size_t>(shape.num_rows * shape.num_outputs));
  table.float_panels[static_cast<int>(operands.format)]({.x = operands.x.data(),
                                                         .x_stride = shape.num_inputs,
                                                         .x_rows = operands.x_rows.data(),
                                                         .num_rows = shape.num_rows,
                                                         .k_end = shape.num_inputs,
                                                         .panels = operands.panels(),
                                                         .panel_stride = operands.layout.stride_bytes,
                                                         .num_outputs = shape.num_outputs,
                                                         .out = out.data(),
                                                         .out_stride = shape.num_outputs,
                                                         .accumulate = false});
  return out;
}

// The written arithmetic of a table that rounds activations to bf16.
std::vector<float> RoundedProducts(Bf16Products products, const Operands& operands) {
  const CheckShape& shape = operands.shape;
  std::vector<float> out;
  for (int64_t r = 0; r < shape.num_rows; ++r) {
    const float* x = operands.x.data() + operands.x_rows[static_cast<size_t>(r)] * shape.num_inputs;
    for (int64_t n = 0; n < shape.num_outputs; ++n) {
      const std::byte* panel = operands.panels() + static_cast<size_t>(n / kPanel) * operands.layout.stride_bytes;
      const auto weight = [panel, n](int64_t k) {
        uint16_t bits = 0;
        std::memcpy(&bits, panel + (k / 2 * kPanel + n % kPanel) * 4 + k % 2 * 2, sizeof bits);
        return Bf16ToF32(bits);
      };
      out.push_back(products == Bf16Products::kPairs ? Bf16PairsDot(x, weight, shape.num_inputs)
                                                     : Bf16TilesDot(x, weight, shape.num_inputs));
    }
  }
  return out;
}

struct Quantized {
  int64_t stride;
  std::vector<int8_t> values;
  std::vector<float> scales;
  std::vector<int32_t> sums;
};

Quantized QuantizeRows(const IsaTable& table, const Operands& operands) {
  const CheckShape& shape = operands.shape;
  const int64_t group = GroupInputs(operands.format, shape.num_inputs);
  const int64_t num_groups = NumGroups(operands.format, shape.num_inputs);
  Quantized rows = {(shape.num_inputs + 7) / 8 * 8, {}, {}, {}};
  rows.values.resize(static_cast<size_t>(shape.num_rows * rows.stride));
  rows.scales.resize(static_cast<size_t>(shape.num_rows * num_groups));
  rows.sums.resize(static_cast<size_t>(shape.num_rows * num_groups));
  for (int64_t r = 0; r < shape.num_rows; ++r) {
    table.quantize_row(operands.x.data() + r * shape.num_inputs, shape.num_inputs, group,
                       rows.values.data() + r * rows.stride, rows.scales.data() + r * num_groups,
                       rows.sums.data() + r * num_groups);
  }
  return rows;
}

std::vector<float> IntProducts(const IsaTable& table, const Operands& operands) {
  const CheckShape& shape = operands.shape;
  const Quantized rows = QuantizeRows(table, operands);
  std::vector<float> out(static_cast<size_t>(shape.num_rows * shape.num_outputs));
  table.int_panels[static_cast<int>(operands.format) - kNumFloatFormats](
      {.x = {rows.values.data(), rows.stride, rows.scales.data(), rows.sums.data(),
             NumGroups(operands.format, shape.num_inputs)},
       .x_rows = operands.x_rows.data(),
       .num_rows = shape.num_rows,
       .k_end = shape.num_inputs,
       .group = GroupInputs(operands.format, shape.num_inputs),
       .panels = operands.panels(),
       .panel_stride = operands.layout.stride_bytes,
       .scales_offset = operands.layout.value_bytes,
       .has_f32_scales = operands.format == WeightFormat::kInt8,
       .num_outputs = shape.num_outputs,
       .out = out.data(),
       .out_stride = shape.num_outputs});
  return out;
}

std::string Difference(const std::vector<float>& got, const std::vector<float>& want, const std::string& what) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    if (std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(want[i])) continue;
    return what + ": element " + std::to_string(i) + " is " + std::to_string(got[i]) + ", not " +
           std::to_string(want[i]) + " (bits " + std::to_string(std::bit_cast<uint32_t>(got[i])) + ", not " +
           std::to_string(std::bit_cast<uint32_t>(want[i])) + ")";
  }
  return {};
}

// Formats that hold GGUF's blocks have whole ones only.
CheckShape ShapeFor(WeightFormat format, CheckShape shape) {
  const int64_t block = HasBlocks(format) ? 256 : IsMadeOfFloats(format) ? 1 : 32;
  shape.num_inputs = (shape.num_inputs + block - 1) / block * block;
  return shape;
}

std::string ProductDifference(const IsaTable& table, const CheckShape& shape, WeightFormat format, Numbers& numbers) {
  const Operands operands = MakeOperands(shape, format, numbers);
  const std::string what = std::string(WeightFormatName(format)) + " products of " + std::to_string(shape.num_rows) +
                           " rows, " + std::to_string(shape.num_outputs) + " outputs, " +
                           std::to_string(shape.num_inputs) + " inputs";
  if (IsQuantized(format)) {
    return Difference(IntProducts(table, operands), IntProducts(PortableTable(), operands), what);
  }
  const bool rounds = format == WeightFormat::kBf16 && table.bf16_products != Bf16Products::kChain;
  return Difference(FloatProducts(table, operands),
                    rounds ? RoundedProducts(table.bf16_products, operands) : FloatProducts(PortableTable(), operands),
                    what);
}

// Everything else of a table, over vectors of n elements.
std::vector<float> VectorResults(const IsaTable& table, int64_t n) {
  Numbers numbers;
  std::vector<float> x[4];
  for (std::vector<float>& vector : x) {
    for (int64_t i = 0; i < n; ++i) vector.push_back(8 * numbers.Value());
  }
  std::vector<uint16_t> halves[2];
  for (const float value : x[1]) {
    halves[0].push_back(F32ToBf16(value));
    halves[1].push_back(F32ToF16(value));
  }
  std::vector<float> all;
  const auto keep = [&all](const std::vector<float>& part) { all.insert(all.end(), part.begin(), part.end()); };
  const void* weights[kNumFloatFormats] = {x[1].data(), halves[0].data(), halves[1].data()};
  std::vector<float> out(static_cast<size_t>(n));
  for (int i = 0; i < kNumFloatFormats; ++i) {
    table.rms_norm[i](x[0].data(), weights[i], 1e-5f, out.data(), n);
    keep(out);
  }
  table.silu_mul(x[0].data(), x[1].data(), out.data(), n);
  keep(out);
  table.fma_row(0.7f, x[0].data(), out.data(), n);
  table.merge_row(x[1].data(), 0.3f, 0.9f, out.data(), n);
  keep(out);
  table.rope_row(x[0].data(), x[1].data(), x[2].data(), x[3].data(), n);
  keep(x[0]);
  keep(x[1]);
  float maximum = 0;
  all.push_back(table.softmax_numerators(x[2].data(), n, 0.5f, &maximum));
  all.push_back(maximum);
  keep(x[2]);
  return all;
}

}  // namespace

std::span<const CheckShape> StartShapes() {
  // 2 rows: vector code; 7 and 18: one and two row tiles, not full. 20 outputs: a panel and an edge. 134 inputs: groups
  // of 128 and of 32 with a short last one, tiles of 32 and of 64 with a short last one, no whole quad at the end.
  static constexpr CheckShape kShapes[] = {{2, 20, 134}, {7, 16, 72}, {18, 20, 134}};
  return kShapes;
}

std::string FirstDifference(const IsaTable& table, std::span<const CheckShape> shapes) {
  Numbers numbers;
  for (const CheckShape& shape : shapes) {
    for (int i = 0; i < kNumWeightFormats; ++i) {
      const auto format = static_cast<WeightFormat>(i);
      std::string difference = ProductDifference(table, ShapeFor(format, shape), format, numbers);
      if (!difference.empty()) return difference;
    }
    const int64_t n = shape.num_inputs;
    std::string difference = Difference(VectorResults(table, n), VectorResults(PortableTable(), n),
                                        "norms, activations and softmax of " + std::to_string(n) + " elements");
    if (!difference.empty()) return difference;
  }
  return {};
}

}  // namespace foregate::internal
