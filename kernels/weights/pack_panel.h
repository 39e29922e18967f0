// One panel of the packed layout from at most 16 rows; what is missing of 16 is padding. Every byte of the panel's
// stride is written.
#ifndef FOREGATE_KERNELS_WEIGHTS_PACK_PANEL_H_
#define FOREGATE_KERNELS_WEIGHTS_PACK_PANEL_H_

#include <cstddef>
#include <cstdint>

#include "kernels/api/tensor_view.h"
#include "kernels/api/weight_matrix.h"

namespace foregate::internal {

// A float format.
void PackFloatPanel(const TensorView& rows, WeightFormat format, std::byte* panel);

// A quantized format.
void QuantizePanel(const TensorView& rows, WeightFormat format, std::byte* panel);

struct QuantizedPanelRows {
  const int8_t* values;    // [num_rows, num_inputs]
  const uint16_t* scales;  // [num_rows, groups], f16
  int64_t num_rows;
  int64_t num_inputs;
};
// A quantized format whose scales are f16.
void PackQuantizedPanel(const QuantizedPanelRows& rows, WeightFormat format, std::byte* panel);

// A format of blocks (PackBlocks), of rows that are `row_bytes` apart.
void PackBlockPanel(const std::byte* blocks, size_t row_bytes, int64_t num_rows, int64_t num_inputs,
                    WeightFormat format, std::byte* panel);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_WEIGHTS_PACK_PANEL_H_
