// Products with quantized weights in packed panels, and the quantization of activations (kernels/weights/quantize.h),
// written once over a vector type V of float lanes and its V::Int8 and V::Int4: how one instruction set multiplies
// the units of a layout.
//
// As in lane_kernels.h: V lives in an unnamed namespace and nothing here calls a function of another header.
#ifndef FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_
#define FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_

#include <cstdint>

#include "kernels/cpu/first_lanes.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/panel_walk.h"

namespace foregate::internal {

// Q is V::Int8, V::Int4 or V::Codebook<..>:
//   Ints          kLanes sums of 32 bits
//   Sums          what products are added to: Ints, or 16 bits that hold those of kBlockInputs inputs (kNarrow), in
//                 the same type
//   kSteps        how many times a unit's weights are unpacked, each time some of its inputs'
//   Weights       a step of a unit of a part's outputs, ready to be multiplied
//   Inputs        the same of a row, broadcast; from int8 or, where Q::kPrepares, from the row as Q::Prepare wrote it
// Scale is the type of the weights' scales; void: f32 or f16, as IntPanels says.
template <typename V, typename Multiplier, typename Scale = void>
struct IntTiles {
  using Q = Multiplier;
  using Part = typename V::Part;
  using Ints = typename Q::Ints;
  using Sums = typename Q::Sums;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kBlockInputs = 32;
  // Bytes of a unit: 16 outputs of 4 bytes.
  static constexpr int64_t kUnitBytes = 64;
  static constexpr int64_t kPartBytes = kUnitBytes / V::kParts;
  static constexpr int64_t kMaxPreparedInputs = 8192;
  static constexpr int64_t StreamAhead(int streams, int64_t panel_stride) {
    return V::StreamAhead(streams, panel_stride);
  }

  template <bool kIsPrepared, int R>
  struct Prepared {
    using Value = int8_t;
  };
  template <int R>
  struct Prepared<true, R> {
    using Value = typename Q::Prepared;
    alignas(64) Value values[R][kMaxPreparedInputs];
  };

  // R rows as they are, or prepared once for all panels that they meet.
  template <int R>
  struct Rows {
    static constexpr bool kIsPrepared = Q::kPrepares && R > 1;
    using Input = typename Prepared<kIsPrepared, R>::Value;

    Rows(const IntPanels& panels, int64_t first) : args(panels), first_row(first) {
      for (int r = 0; r < R; ++r) {
        index[r] = args.x_rows == nullptr ? first + r : args.x_rows[first + r];
        const int8_t* from = args.x.values + index[r] * args.x.stride;
        if constexpr (kIsPrepared) {
          Q::Prepare(from, (args.k_end + Q::kUnitInputs - 1) / Q::kUnitInputs, prepared.values[r]);
          x[r] = prepared.values[r];
        } else {
          x[r] = from;
        }
      }
    }

    const IntPanels& args;
    int64_t first_row;
    int64_t index[R];
    const Input* x[R];
    Prepared<kIsPrepared, R> prepared;
  };

  // R rows over P panels, `panel_step` panels apart, of which the last has `last_outputs` outputs.
  template <int R, int P>
  struct Tile {
    static constexpr int kSums = R * P * V::kParts;
    // One row of many panels adds up in 32 bits at once: two more instructions for 128 bytes, but 16-bit sums beside
    // the totals would not fit the registers (0.93 of the time in 4 bits).
    static constexpr bool kIsNarrow = Q::kNarrow && R > 1;

    const IntPanels& args;
    const Rows<R>& rows;
    const uint8_t* panels;
    float* out;
    int64_t last_outputs;
    int64_t panel_step;
    PanelFetch fetch;

    // Part i of the panels' outputs, row r.
    static constexpr int At(int r, int i) { return r * P * V::kParts + i; }

    // Adds the products of one unit, inputs from k on.
    [[gnu::always_inline]] void AddUnit(int64_t k, Sums (&sums)[kSums]) const {
      const int64_t line = k / Q::kUnitInputs;
      FetchLine(line);
#pragma GCC unroll 2
      for (int step = 0; step < Q::kSteps; ++step) AddStep(panels + line * kUnitBytes, k, step, sums);
    }

    // What follows the values of a panel: with it the lines are fetched in the order of memory, which is what the
    // processor's own prefetchers follow (on Zen 5 0.06 of a 4-bit row's time).
    void FetchScales() const {
      const auto first = static_cast<int64_t>(args.scales_offset) / kUnitBytes;
      const auto end = static_cast<int64_t>(args.panel_stride) / kUnitBytes;
      for (int64_t line = first; line < end; ++line) FetchLine(line);
    }

    [[gnu::always_inline]] void FetchLine(int64_t line) const {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) __builtin_prefetch(fetch.Ahead(line) + p * StepBytes());
    }

    [[gnu::always_inline]] void AddStep(const uint8_t* unit, int64_t k, int step, Sums (&sums)[kSums]) const {
      // Few rows and many panels, or the reverse: what there is little of stays in registers.
      if constexpr (R <= 2) {
        typename Q::Inputs inputs[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) inputs[r] = Q::Broadcast(rows.x[r] + k, step);
#pragma GCC unroll 32
        for (int i = 0; i < P * V::kParts; ++i) {
          const auto weights = Q::Unpack(PartOf(unit, i), step);
#pragma GCC unroll 32
          for (int r = 0; r < R; ++r) Add(weights, inputs[r], sums[At(r, i)]);
        }
      } else {
        typename Q::Weights weights[P * V::kParts];
#pragma GCC unroll 32
        for (int i = 0; i < P * V::kParts; ++i) weights[i] = Q::Unpack(PartOf(unit, i), step);
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
          const auto inputs = Q::Broadcast(rows.x[r] + k, step);
#pragma GCC unroll 32
          for (int i = 0; i < P * V::kParts; ++i) Add(weights[i], inputs, sums[At(r, i)]);
        }
      }
    }

    static void Add(const typename Q::Weights& weights, const typename Q::Inputs& inputs, Sums& sum) {
      if constexpr (Q::kNarrow && !kIsNarrow) {
        sum = Q::MulAddWide(sum, weights, inputs);
      } else {
        sum = Q::MulAdd(sum, weights, inputs);
      }
    }

    int64_t StepBytes() const { return P == 1 ? 0 : panel_step * static_cast<int64_t>(args.panel_stride); }
    const uint8_t* PartOf(const uint8_t* unit, int i) const {
      return unit + i / V::kParts * StepBytes() + i % V::kParts * kPartBytes;
    }

    // The integer sums of inputs [k, end), without the zero point's share. A loop that runs at least once keeps the
    // sums where they are.
    [[gnu::always_inline]] void AddInputs(int64_t k, int64_t end, Ints (&totals)[kSums]) const {
      if constexpr (kIsNarrow) {
        for (; k + kBlockInputs <= end; k += kBlockInputs) {
          Sums sums[kSums];
#pragma GCC unroll 32
          for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
#pragma GCC unroll 32
          for (int64_t j = 0; j < kBlockInputs; j += Q::kUnitInputs) AddUnit(k + j, sums);
#pragma GCC unroll 32
          for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
        }
        if (k == end) return;
        Sums sums[kSums];
#pragma GCC unroll 32
        for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
        do AddUnit(k, sums);
        while ((k += Q::kUnitInputs) < end);
#pragma GCC unroll 32
        for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
      } else {
        do AddUnit(k, totals);
        while ((k += Q::kUnitInputs) < end);
      }
    }

    template <typename WeightScale>
    void Run() const {
      Part acc[kSums];
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) acc[i] = V::Set(0.0f);
      int64_t g = 0;
      for (int64_t k = 0; k < args.k_end; k += args.group, ++g) {
        Ints totals[kSums];
#pragma GCC unroll 32
        for (int i = 0; i < kSums; ++i) {
          totals[i] = Q::Set(-Q::kZeroPoint * args.x.sums[rows.index[i / (P * V::kParts)] * args.x.num_groups + g]);
        }
        AddInputs(k, args.k_end - k < args.group ? args.k_end : k + args.group, totals);
#pragma GCC unroll 32
        for (int i = 0; i < P * V::kParts; ++i) {
          const auto* scales =
              reinterpret_cast<const WeightScale*>(panels + i / V::kParts * StepBytes() + args.scales_offset) +
              g * kOutputs + i % V::kParts * V::kLanes;
          const Part weight_scale = V::Load(scales);
#pragma GCC unroll 32
          for (int r = 0; r < R; ++r) {
            const Part scale = V::Mul(V::Set(args.x.scales[rows.index[r] * args.x.num_groups + g]), weight_scale);
            acc[At(r, i)] = V::Fma(Q::ToFloats(totals[At(r, i)]), scale, acc[At(r, i)]);
          }
        }
      }
      FetchScales();
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) {
        const int p = i / V::kParts % P;
        float* to = out + i / (P * V::kParts) * args.out_stride + p * panel_step * kOutputs + i % V::kParts * V::kLanes;
        FirstLanes<V>::Store(acc[i], to, (p + 1 < P ? kOutputs : last_outputs) - i % V::kParts * V::kLanes);
      }
    }
  };

  template <int P, int R>
  static void RunTile(const Rows<R>& rows, int64_t first_panel, int64_t panel_step, PanelFetch fetch) {
    const IntPanels& args = rows.args;
    const int64_t rest = args.num_outputs - (first_panel + (P - 1) * panel_step) * kOutputs;
    const Tile<R, P> tile = {
        .args = args,
        .rows = rows,
        .panels = static_cast<const uint8_t*>(args.panels) + static_cast<size_t>(first_panel) * args.panel_stride,
        .out = args.out + rows.first_row * args.out_stride + first_panel * kOutputs,
        .last_outputs = rest < kOutputs ? rest : kOutputs,
        .panel_step = panel_step,
        .fetch = fetch};
    if constexpr (!__is_same(Scale, void)) {
      tile.template Run<Scale>();
    } else if (args.has_f32_scales) {
      tile.template Run<float>();
    } else {
      tile.template Run<F16>();
    }
  }

  static void Run(const IntPanels& args) {
    // Rows too long to be prepared go one by one.
    if (Q::kPrepares && args.k_end > kMaxPreparedInputs) {
      PanelWalk<IntTiles>::template Run<1, 1>(args);
    } else {
      PanelWalk<IntTiles>::Run(args);
    }
  }
};

template <typename V>
struct IntPanelKernels {
  template <bool kIsInt4>
  static void Run(const IntPanels& panels) {
    if constexpr (kIsInt4) {
      IntTiles<V, typename V::Int4>::Run(panels);
    } else {
      IntTiles<V, typename V::Int8>::Run(panels);
    }
  }

  // Nibbles that stand for `kValues`.
  template <const int8_t (&kValues)[16], typename Scale>
  static void RunCodebook(const IntPanels& panels) {
    IntTiles<V, typename V::template Codebook<kValues>, Scale>::Run(panels);
  }

  static void QuantizeRow(const float* x, int64_t n, int64_t group, int8_t* values, float* scales, int32_t* sums) {
    for (int64_t g = 0; g * group < n; ++g) {
      const int64_t first = g * group;
      const int64_t count = n - first < group ? n - first : group;
      QuantizeGroup(x + first, count, values + first, scales + g, sums + g);
    }
  }

  static void QuantizeGroup(const float* x, int64_t n, int8_t* values, float* scale, int32_t* sum) {
    const uint32_t bits = V::Int8::LargestMagnitudeBits(x, n);
    float largest;
    __builtin_memcpy(&largest, &bits, sizeof largest);
    constexpr uint32_t kInfinity = 0x7f800000u;
    const float inverse = 127.0f / largest;
    // Too small a group for an inverse, or one that is not finite.
    if (bits >= kInfinity || inverse > 0x1.fffffep+127f) {
      for (int64_t i = 0; i < n; ++i) values[i] = 0;
      *scale = bits >= kInfinity ? __builtin_nanf("") : 0.0f;
      *sum = 0;
      return;
    }
    *scale = largest / 127.0f;
    *sum = V::Int8::RoundRow(x, n, inverse, values);
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_INT_PANEL_KERNELS_H_
