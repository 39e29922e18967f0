// Products with quantized weights in packed panels, and the quantization of activations (kernels/weights/quantize.h).
//
// As in lane_kernels.h: V lives in an unnamed namespace and nothing here calls a function of another header.
#ifndef FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_
#define FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_

#include <cstdint>

#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

template <typename V>
struct IntPanelKernels {
  static constexpr int kOutputs = 16;

  template <bool kIsInt4>
  static int32_t Stored(const uint8_t* panel, int64_t k, int lane) {
    if constexpr (kIsInt4) {
      const uint8_t byte = panel[(k / 8 * kOutputs + lane) * 4 + k % 4];
      return k % 8 < 4 ? byte & 15 : byte >> 4;
    }
    return panel[(k / 4 * kOutputs + lane) * 4 + k % 4];
  }

  static float ScaleOf(const void* scales, bool is_f32, int64_t index) {
    if (is_f32) return static_cast<const float*>(scales)[index];
    F16 lanes[V::kLanes] = {};
    lanes[0] = static_cast<const F16*>(scales)[index];
    float wide[V::kLanes];
    V::Store(wide, V::Load(lanes));
    return wide[0];
  }

  template <bool kIsInt4>
  static float Output(const IntPanels& panels, const uint8_t* panel, int lane, int64_t row) {
    constexpr int32_t kZero = kIsInt4 ? 8 : 128;
    const int8_t* x = panels.x.values + row * panels.x.stride;
    float lanes[V::kLanes] = {};
    for (int64_t g = 0; g * panels.group < panels.k_end; ++g) {
      const int64_t end = (g + 1) * panels.group < panels.k_end ? (g + 1) * panels.group : panels.k_end;
      int32_t dot = -kZero * panels.x.sums[row * panels.x.num_groups + g];
      for (int64_t k = g * panels.group; k < end; ++k) dot += x[k] * Stored<kIsInt4>(panel, k, lane);
      const float scale = panels.x.scales[row * panels.x.num_groups + g] *
                          ScaleOf(panel + panels.scales_offset, !kIsInt4 && panels.has_f32_scales, g * kOutputs + lane);
      V::Store(lanes, V::Fma(V::Set(static_cast<float>(dot)), V::Set(scale), V::Load(lanes)));
    }
    return lanes[0];
  }

  template <bool kIsInt4>
  static void Run(const IntPanels& panels) {
    for (int64_t n = 0; n < panels.num_outputs; ++n) {
      const uint8_t* panel =
          static_cast<const uint8_t*>(panels.panels) + static_cast<size_t>(n / kOutputs) * panels.panel_stride;
      for (int64_t r = 0; r < panels.num_rows; ++r) {
        const int64_t row = panels.x_rows == nullptr ? r : panels.x_rows[r];
        panels.out[r * panels.out_stride + n] = Output<kIsInt4>(panels, panel, static_cast<int>(n % kOutputs), row);
      }
    }
  }

  static void QuantizeRow(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums) {
    for (int64_t g = 0; g * group < n; ++g) {
      const int64_t end = (g + 1) * group < n ? (g + 1) * group : n;
      float largest = 0;
      bool finite = true;
      for (int64_t k = g * group; k < end; ++k) {
        const float magnitude = x[k] < 0 ? -x[k] : x[k];
        finite = finite && x[k] - x[k] == 0;
        if (magnitude > largest) largest = magnitude;
      }
      const float inverse = finite && largest > 0 ? 127.0f / largest : 0.0f;
      scales[g] = finite ? largest / 127.0f : __builtin_nanf("");
      sums[g] = 0;
      for (int64_t k = g * group; k < end; ++k) {
        // Adding 1.5 * 2^23 rounds to an integer, ties to even.
        const float rounded = finite ? (x[k] * inverse + 12582912.0f) - 12582912.0f : 0.0f;
        values[k] = static_cast<int8_t>(rounded);
        sums[g] += values[k];
      }
    }
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_
