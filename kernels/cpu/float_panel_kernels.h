// Products with float weights in packed panels: one chain of fused multiply-adds per output, inputs ascending. Outputs
// are the vector's lanes and inputs are broadcast, so every tile shape gives the same bits.
//
// As in lane_kernels.h: V lives in an unnamed namespace and nothing here calls a function of another header.
#ifndef FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_
#define FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_

#include <cstdint>

#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

template <typename V>
struct FloatPanelKernels {
  using Part = typename V::Part;
  static constexpr int kOutputs = V::kLanes * V::kParts;
  static_assert(kOutputs == 16);

  static const float* Row(const FloatPanels& panels, int64_t r) {
    return panels.x + (panels.x_rows == nullptr ? r : panels.x_rows[r]) * panels.x_stride;
  }

  static void Step(const float* x, const float* panel, int64_t k, Part (&sums)[V::kParts]) {
    for (int p = 0; p < V::kParts; ++p) {
      sums[p] = V::Fma(V::Set(x[k]), V::Load(panel + k * kOutputs + p * V::kLanes), sums[p]);
    }
  }
  static void Step(const float* x, const F16* panel, int64_t k, Part (&sums)[V::kParts]) {
    for (int p = 0; p < V::kParts; ++p) {
      sums[p] = V::Fma(V::Set(x[k]), V::Load(panel + k * kOutputs + p * V::kLanes), sums[p]);
    }
  }
  static void Step(const float* x, const Bf16* panel, int64_t k, Part (&sums)[V::kParts]) {
    for (int p = 0; p < V::kParts; ++p) {
      Bf16 lanes[V::kLanes];
      const Bf16* pairs = panel + k / 2 * (2 * kOutputs) + p * (2 * V::kLanes) + k % 2;
      for (int i = 0; i < V::kLanes; ++i) lanes[i] = pairs[2 * i];
      sums[p] = V::Fma(V::Set(x[k]), V::Load(lanes), sums[p]);
    }
  }

  template <typename W>
  static void Run(const FloatPanels& panels) {
    for (int64_t first = 0; first < panels.num_outputs; first += kOutputs) {
      const auto* bytes = static_cast<const char*>(panels.panels);
      const auto* panel = reinterpret_cast<const W*>(bytes + static_cast<size_t>(first / kOutputs) * panels.panel_stride);
      const int64_t count = panels.num_outputs - first < kOutputs ? panels.num_outputs - first : kOutputs;
      for (int64_t r = 0; r < panels.num_rows; ++r) {
        const float* x = Row(panels, r);
        float* out = panels.out + r * panels.out_stride + first;
        float lanes[kOutputs] = {};
        if (panels.accumulate) {
          for (int64_t i = 0; i < count; ++i) lanes[i] = out[i];
        }
        Part sums[V::kParts];
        for (int p = 0; p < V::kParts; ++p) sums[p] = V::Load(lanes + p * V::kLanes);
        for (int64_t k = 0; k < panels.k_end; ++k) Step(x, panel, k, sums);
        for (int p = 0; p < V::kParts; ++p) V::Store(lanes + p * V::kLanes, sums[p]);
        for (int64_t i = 0; i < count; ++i) out[i] = lanes[i];
      }
    }
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_
