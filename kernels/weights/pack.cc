#include "kernels/weights/pack.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/weights/pack_panel.h"

namespace foregate {
namespace {

// Calls body(panel, first_row, num_rows) for each panel that the rows fill.
template <typename Body>
void ForPanels(int64_t num_rows, int64_t first_output, const WeightMatrix& matrix, Body body) {
  FOREGATE_CHECK(first_output >= 0 && first_output % kPanelOutputs == 0);
  FOREGATE_CHECK_LE(first_output + num_rows, matrix.num_outputs);
  FOREGATE_CHECK(num_rows % kPanelOutputs == 0 || first_output + num_rows == matrix.num_outputs);
  const size_t stride = LayoutOfPanel(matrix.format, matrix.num_inputs).stride_bytes;
  auto* panel = static_cast<std::byte*>(matrix.data) + static_cast<size_t>(first_output / kPanelOutputs) * stride;
  for (int64_t row = 0; row < num_rows; row += kPanelOutputs, panel += stride) {
    body(panel, row, std::min(kPanelOutputs, num_rows - row));
  }
}

template <typename T>
bool IsFiniteRow(const T* bits, int64_t n, T exponent) {
  T found = 0;
  for (int64_t i = 0; i < n; ++i) found = static_cast<T>(found | ((bits[i] & exponent) == exponent));
  return found == 0;
}

}  // namespace

void PackRows(const TensorView& rows, int64_t first_output, const WeightMatrix& matrix) {
  FOREGATE_CHECK_EQ(rows.dim(1), matrix.num_inputs);
  FOREGATE_CHECK(IsMadeOfFloats(matrix.format));
  const auto pack = IsQuantized(matrix.format) ? internal::QuantizePanel : internal::PackFloatPanel;
  ForPanels(rows.dim(0), first_output, matrix, [&](std::byte* panel, int64_t first_row, int64_t num_rows) {
    pack(rows.Rows(first_row, num_rows), matrix.format, panel);
  });
}

void PackQuantizedRows(const int8_t* values, const uint16_t* scales, int64_t num_rows, int64_t first_output,
                       const WeightMatrix& matrix) {
  FOREGATE_CHECK(IsQuantized(matrix.format) && IsMadeOfFloats(matrix.format) && matrix.format != WeightFormat::kInt8);
  const int64_t num_groups = NumGroups(matrix.format, matrix.num_inputs);
  ForPanels(num_rows, first_output, matrix, [&](std::byte* panel, int64_t first_row, int64_t count) {
    const internal::QuantizedPanelRows rows = {values + first_row * matrix.num_inputs, scales + first_row * num_groups,
                                               count, matrix.num_inputs};
    internal::PackQuantizedPanel(rows, matrix.format, panel);
  });
}

void PackBlocks(const std::byte* blocks, int64_t num_rows, int64_t first_output, const WeightMatrix& matrix) {
  const size_t row_bytes = BlockRowBytes(matrix.format, matrix.num_inputs);
  ForPanels(num_rows, first_output, matrix, [&](std::byte* panel, int64_t first_row, int64_t count) {
    internal::PackBlockPanel(blocks + static_cast<size_t>(first_row) * row_bytes, row_bytes, count, matrix.num_inputs,
                             matrix.format, panel);
  });
}

int64_t FirstRowNotFinite(const TensorView& rows) {
  const int64_t n = rows.dim(1);
  const auto finite = [&](int64_t row) {
    switch (rows.dtype()) {
      case DType::kF32:
        return IsFiniteRow<uint32_t>(rows.as<const uint32_t>() + row * n, n, 0x7f800000u);
      case DType::kBf16:
        return IsFiniteRow<uint16_t>(rows.as<const uint16_t>() + row * n, n, 0x7f80u);
      case DType::kF16:
        return IsFiniteRow<uint16_t>(rows.as<const uint16_t>() + row * n, n, 0x7c00u);
      case DType::kI32:
        break;
    }
    FOREGATE_CHECK(false);
  };
  for (int64_t row = 0; row < rows.dim(0); ++row) {
    if (!finite(row)) return row;
  }
  return -1;
}

}  // namespace foregate
