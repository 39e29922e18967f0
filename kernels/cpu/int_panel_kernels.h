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

namespace foregate::internal {

// Q is V::Int8, V::Int4 or V::Codebook<..>:
//   Ints          kLanes sums of 32 bits
//   Sums          what products are added to: Ints, or 16 bits that hold those of kBlockInputs inputs (kNarrow), in
//                 the same type
//   Weights       a unit of a part's outputs, ready to be multiplied
//   Inputs        a unit of a row, broadcast; from int8 or, where Q::kPrepares, from the row as Q::Prepare wrote it
// Scale is the type of the weights' scales; void: f32 or f16, as IntPanels says.
template <typename V, typename Q, typename Scale = void>
struct IntTiles {
  using Part = typename V::Part;
  using Ints = typename Q::Ints;
  using Sums = typename Q::Sums;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kBlockInputs = 32;
  // Bytes of a unit: 16 outputs of 4 bytes.
  static constexpr int64_t kUnitBytes = 64;
  static constexpr int64_t kPartBytes = kUnitBytes / V::kParts;
  static constexpr int64_t kMaxPreparedInputs = 8192;

  // R rows over P panels, `panel_step` panels apart, of which the last has `last_outputs` outputs. kFetches: this is
  // the first pass over the panels.
  template <typename X, int R, int P, bool kFetches>
  struct Tile {
    static constexpr int kSums = R * P * V::kParts;
    // How far ahead a stream is prefetched: a few KB in all. Measured on Zen 3, weights from memory: 4 rows (1 stream)
    // take 0.83 of the time with 4096 bytes in 4 bits, 0.85 in 8 bits; 1 row (4 streams) 0.92 to 0.97 with 512, more
    // than 1 with 2048 and beyond, or where only some lines are asked for: that misleads the processor's own
    // prefetchers. On weights in the L2 a prefetch takes 10 %.
    static constexpr int64_t kAhead = P >= 4 ? 512 : P == 2 ? 1024 : 4096;
    // One row of many panels adds up in 32 bits at once: two more instructions for 128 bytes, but 16-bit sums beside
    // the totals would not fit the registers (0.93 of the time in 4 bits).
    static constexpr bool kIsNarrow = Q::kNarrow && R > 1;

    const IntPanels& args;
    const X* x[R];
    int64_t row[R];
    const uint8_t* panels;
    float* out;
    int64_t last_outputs;
    int64_t panel_step;

    // Part i of the panels' outputs, row r.
    static constexpr int At(int r, int i) { return r * P * V::kParts + i; }

    // Adds the products of one unit, inputs from k on.
    [[gnu::always_inline]] void AddUnit(int64_t k, Sums (&sums)[kSums]) const {
      const uint8_t* unit = panels + k * (kUnitBytes / Q::kUnitInputs);
      if constexpr (kFetches) {
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) __builtin_prefetch(unit + p * StepBytes() + kAhead);
      }
      // Few rows and many panels, or the reverse: what there is little of stays in registers.
      if constexpr (R <= 2) {
        typename Q::Inputs inputs[R];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) inputs[r] = Q::Broadcast(x[r] + k);
#pragma GCC unroll 16
        for (int i = 0; i < P * V::kParts; ++i) {
          const auto weights = Q::Unpack(PartOf(unit, i));
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) Add(weights, inputs[r], sums[At(r, i)]);
        }
      } else {
        typename Q::Weights weights[P * V::kParts];
#pragma GCC unroll 16
        for (int i = 0; i < P * V::kParts; ++i) weights[i] = Q::Unpack(PartOf(unit, i));
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const auto inputs = Q::Broadcast(x[r] + k);
#pragma GCC unroll 16
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
#pragma GCC unroll 16
          for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
#pragma GCC unroll 16
          for (int64_t j = 0; j < kBlockInputs; j += Q::kUnitInputs) AddUnit(k + j, sums);
#pragma GCC unroll 16
          for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
        }
        if (k == end) return;
        Sums sums[kSums];
#pragma GCC unroll 16
        for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
        do AddUnit(k, sums);
        while ((k += Q::kUnitInputs) < end);
#pragma GCC unroll 16
        for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
      } else {
        do AddUnit(k, totals);
        while ((k += Q::kUnitInputs) < end);
      }
    }

    template <typename WeightScale>
    void Run() const {
      Part acc[kSums];
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) acc[i] = V::Set(0.0f);
      int64_t g = 0;
      for (int64_t k = 0; k < args.k_end; k += args.group, ++g) {
        Ints totals[kSums];
#pragma GCC unroll 16
        for (int i = 0; i < kSums; ++i) {
          totals[i] = Q::Set(-Q::kZeroPoint * args.x.sums[row[i / (P * V::kParts)] * args.x.num_groups + g]);
        }
        AddInputs(k, args.k_end - k < args.group ? args.k_end : k + args.group, totals);
#pragma GCC unroll 16
        for (int i = 0; i < P * V::kParts; ++i) {
          const auto* scales =
              reinterpret_cast<const WeightScale*>(panels + i / V::kParts * StepBytes() + args.scales_offset);
          const Part weight_scale = V::Load(scales + g * kOutputs + i % V::kParts * V::kLanes);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) {
            const Part scale = V::Mul(V::Set(args.x.scales[row[r] * args.x.num_groups + g]), weight_scale);
            acc[At(r, i)] = V::Fma(Q::ToFloats(totals[At(r, i)]), scale, acc[At(r, i)]);
          }
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) {
        const int p = i / V::kParts % P;
        float* to = out + i / (P * V::kParts) * args.out_stride + p * panel_step * kOutputs + i % V::kParts * V::kLanes;
        FirstLanes<V>::Store(acc[i], to, (p + 1 < P ? kOutputs : last_outputs) - i % V::kParts * V::kLanes);
      }
    }
  };

  template <typename X, int R, int P, bool kFetches>
  static void RunTile(const IntPanels& args, const X* const* x, int64_t first_row, int64_t first_panel,
                      int64_t panel_step) {
    const int64_t rest = args.num_outputs - (first_panel + (P - 1) * panel_step) * kOutputs;
    Tile<X, R, P, kFetches> tile = {
        .args = args,
        .x = {},
        .row = {},
        .panels = static_cast<const uint8_t*>(args.panels) + static_cast<size_t>(first_panel) * args.panel_stride,
        .out = args.out + first_row * args.out_stride + first_panel * kOutputs,
        .last_outputs = rest < kOutputs ? rest : kOutputs,
        .panel_step = panel_step};
    for (int r = 0; r < R; ++r) {
      tile.x[r] = x[r];
      tile.row[r] = RowOf(args, first_row + r);
    }
    if constexpr (!__is_same(Scale, void)) {
      tile.template Run<Scale>();
    } else if (args.has_f32_scales) {
      tile.template Run<float>();
    } else {
      tile.template Run<F16>();
    }
  }

  static int64_t RowOf(const IntPanels& args, int64_t r) { return args.x_rows == nullptr ? r : args.x_rows[r]; }

  // P panels at a time, one of each P-th of all, so that memory is read in P streams that only go forward; what is left
  // over one by one.
  template <typename X, int R, int P, bool kFetches>
  static void RunPanels(const IntPanels& args, const X* const* x, int64_t first_row) {
    const int64_t num_panels = (args.num_outputs + kOutputs - 1) / kOutputs;
    const int64_t step = num_panels / P;
    for (int64_t n = 0; n < step; ++n) RunTile<X, R, P, kFetches>(args, x, first_row, n, step);
    for (int64_t n = step * P; n < num_panels; ++n) RunTile<X, R, 1, kFetches>(args, x, first_row, n, 1);
  }

  // R rows as they are, or prepared once for all panels.
  template <int R, int P, bool kFetches>
  static void RunRows(const IntPanels& args, int64_t first_row) {
    const int8_t* x[R];
    for (int r = 0; r < R; ++r) x[r] = args.x.values + RowOf(args, first_row + r) * args.x.stride;
    if constexpr (Q::kPrepares && R > 1) {
      alignas(64) typename Q::Prepared prepared[R][kMaxPreparedInputs];
      const typename Q::Prepared* rows[R];
      for (int r = 0; r < R; ++r) {
        Q::Prepare(x[r], (args.k_end + Q::kUnitInputs - 1) / Q::kUnitInputs, prepared[r]);
        rows[r] = prepared[r];
      }
      RunPanels<typename Q::Prepared, R, P, kFetches>(args, rows, first_row);
    } else {
      RunPanels<int8_t, R, P, kFetches>(args, x, first_row);
    }
  }

  // R rows if there are that many from r on; returns the first row that is left.
  template <int R, int P>
  static int64_t RunSome(const IntPanels& args, int64_t r) {
    if (r + R > args.num_rows) return r;
    if (r == 0) {
      RunRows<R, P, true>(args, r);
    } else {
      RunRows<R, P, false>(args, r);
    }
    return r + R;
  }

  static void Run(const IntPanels& args) {
    const bool many = !Q::kPrepares || args.k_end <= kMaxPreparedInputs;
    for (int64_t r = 0; r < args.num_rows;) {
      const int64_t begin = r;
      if (many) r = RunSome<Q::kTileRows, Q::kTilePanels>(args, r);
      if (many && r == begin) r = RunSome<2, Q::kPairPanels>(args, r);
      if (r == begin) r = RunSome<1, Q::kRowPanels>(args, r);
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
