// What the inner kernels over packed panels (kernels/api/weight_matrix.h) are given. Plain C declarations only:
// files compiled for wide instruction sets include this header.
#ifndef FOREGATE_KERNELS_CPU_PANEL_ARGS_H_
#define FOREGATE_KERNELS_CPU_PANEL_ARGS_H_

#include <cstddef>
#include <cstdint>

namespace foregate::internal {

// out[r * out_stride + n] = sum over ascending k of x[r][k] * w[n][k], by fma from +0 (or from what `out` holds), for
// the outputs n of consecutive panels. Row r of x starts at x + index * x_stride, where index is x_rows[r], or r
// without x_rows. Only num_outputs outputs are written; the last panel may be partly padding. Callers keep the panels
// of a call in a core's L2 when there are many rows.
struct FloatPanels {
  const float* x;
  int64_t x_stride;
  const int32_t* x_rows;
  int64_t num_rows;
  int64_t k_end;
  const void* panels;  // the first output is the first panel's first
  size_t panel_stride;
  int64_t num_outputs;
  float* out;
  int64_t out_stride;
  bool accumulate;  // start from `out`
};

// Attention's scores over some panels of 16 keys: out[r * out_stride + 16 * i + j] = sum over ascending d of q[r][d] *
// key j of panels[i][d]. Row r of q starts at q + q_rows[r] * head_dim. `panels` has num_panels pointers and at least
// four more, to what will be read after them.
struct KeySpan {
  const float* q;
  const int32_t* q_rows;
  int64_t num_rows;
  int64_t head_dim;  // a multiple of 16
  const float* const* panels;
  int64_t num_panels;
  float* out;
  int64_t out_stride;
};

// Attention's weighted sums over the values of 16 * num_panels positions, added to `out` in ascending order: row r of x
// [num_rows, 16 * num_panels] meets panels[i][p * panel_stride + 16 * j + d], the dimension 16 * p + d of position
// 16 * i + j. next[i] points to what will be read after them.
struct ValueSpan {
  const float* x;
  int64_t x_stride;
  int64_t num_rows;
  int64_t head_dim;  // a multiple of 16
  const float* const* panels;
  const float* const* next;
  int64_t num_panels;
  int64_t panel_stride;
  float* out;
  int64_t out_stride;
};

// Activations quantized in groups (kernels/weights/quantize.h). Row r starts at values + r * stride bytes; bytes from
// k_end up to a multiple of 8 are zero. Scales and sums of row r start at r * num_groups.
struct QuantizedRows {
  const int8_t* values;
  int64_t stride;
  const float* scales;
  const int32_t* sums;
  int64_t num_groups;
};

// The same for quantized weights: out[r * out_stride + n] as kernels/weights/quantize.h states. Row r of x is row
// x_rows[r], or r without x_rows.
struct IntPanels {
  QuantizedRows x;
  const int32_t* x_rows;
  int64_t num_rows;
  int64_t k_end;
  int64_t group;  // inputs per scale; a multiple of 32, or at least k_end
  const void* panels;
  size_t panel_stride;
  size_t scales_offset;  // of a panel's scales
  bool has_f32_scales;   // else f16
  int64_t num_outputs;
  float* out;
  int64_t out_stride;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PANEL_ARGS_H_
