// Products with panels made of blocks (q4_k, q5_k, q6_k: kernels/api/block_formats.h), written once over a vector type
// V and its V::KQuant<kHighBits>: how one instruction set unpacks and multiplies the units of a group.
//
// As in lane_kernels.h: V lives in an unnamed namespace and nothing here calls a function of another header.
#ifndef FOREGATE_KERNELS_CPU_K_PANEL_KERNELS_H_
#define FOREGATE_KERNELS_CPU_K_PANEL_KERNELS_H_

#include <cstdint>

#include "kernels/api/block_formats.h"
#include "kernels/cpu/first_lanes.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/panel_walk.h"

namespace foregate::internal {

// Q is V::KQuant<kHighBits>, in the terms of int_panel_kernels.h and with
//   Unpack(group, part, u, step)   unit u of the group's outputs from byte `part` of a line on, without the zero
//                                  point's share
//   kFoldUnits                     units whose products 16 bits hold
//   Scales(from)                   kLanes scales of 8 bits, as floats
template <typename V, int kHighBits>
struct KTiles {
  using Q = typename V::template KQuant<kHighBits>;
  using Block = KBlock<kHighBits>;
  using Part = typename V::Part;
  using Ints = typename Q::Ints;
  using Sums = typename Q::Sums;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kPartBytes = 64 / V::kParts;
  static constexpr int64_t StreamAhead(int streams, int64_t panel_stride) {
    return V::StreamAhead(streams, panel_stride);
  }

  template <int R>
  struct Rows {
    Rows(const IntPanels& panels, int64_t first) : args(panels), first_row(first) {
      for (int r = 0; r < R; ++r) {
        index[r] = args.x_rows == nullptr ? first + r : args.x_rows[first + r];
        x[r] = args.x.values + index[r] * args.x.stride;
      }
    }

    const IntPanels& args;
    int64_t first_row;
    int64_t index[R];
    const int8_t* x[R];
  };

  // R rows over P panels, `panel_step` panels apart, of which the last has `last_outputs` outputs.
  template <int R, int P>
  struct Tile {
    static constexpr int kPartsOfRow = P * V::kParts;
    static constexpr int kSums = R * kPartsOfRow;

    const IntPanels& args;
    const Rows<R>& rows;
    const uint8_t* panels;
    float* out;
    int64_t last_outputs;
    int64_t panel_step;
    PanelFetch fetch;

    // Part i of the panels' outputs, row r.
    static constexpr int At(int r, int i) { return r * kPartsOfRow + i; }
    int64_t PanelOffset(int i) const {
      return P == 1 ? 0 : i / V::kParts * panel_step * static_cast<int64_t>(args.panel_stride);
    }

    // The sums with the units of the group at `group` of the first panel, inputs from k on.
    [[gnu::always_inline]] void AddGroup(const uint8_t* group, int64_t k, Ints (&totals)[kSums]) const {
      Sums sums[kSums];
#pragma GCC unroll 4
      for (int u = 0; u < Block::kUnits; ++u) {
        if (u % Q::kFoldUnits == 0) {
#pragma GCC unroll 32
          for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
        }
#pragma GCC unroll 2
        for (int step = 0; step < Q::kSteps; ++step) AddStep(group, k, u, step, sums);
        if (u % Q::kFoldUnits == Q::kFoldUnits - 1) {
#pragma GCC unroll 32
          for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
        }
      }
    }

    [[gnu::always_inline]] void AddStep(const uint8_t* group, int64_t k, int u, int step, Sums (&sums)[kSums]) const {
      // Few rows and many panels, or the reverse: what there is little of stays in registers.
      if constexpr (R <= 2) {
        typename Q::Inputs inputs[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) inputs[r] = Q::Broadcast(rows.x[r] + k + u * 8, step);
#pragma GCC unroll 32
        for (int i = 0; i < kPartsOfRow; ++i) {
          const auto weights = Q::Unpack(group + PanelOffset(i), i % V::kParts * kPartBytes, u, step);
#pragma GCC unroll 32
          for (int r = 0; r < R; ++r) sums[At(r, i)] = Q::MulAdd(sums[At(r, i)], weights, inputs[r]);
        }
      } else {
        typename Q::Weights weights[kPartsOfRow];
#pragma GCC unroll 32
        for (int i = 0; i < kPartsOfRow; ++i) {
          weights[i] = Q::Unpack(group + PanelOffset(i), i % V::kParts * kPartBytes, u, step);
        }
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
          const auto inputs = Q::Broadcast(rows.x[r] + k + u * 8, step);
#pragma GCC unroll 32
          for (int i = 0; i < kPartsOfRow; ++i) sums[At(r, i)] = Q::MulAdd(sums[At(r, i)], weights[i], inputs);
        }
      }
    }

    void Run() const {
      Part acc[kSums];
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) acc[i] = V::Set(0.0f);
      const uint8_t* block = panels;
      for (int64_t k = 0; k < args.k_end; k += Block::kInputs, block += Block::kBytes) AddBlock(block, k, acc);
#pragma GCC unroll 32
      for (int i = 0; i < kSums; ++i) {
        const int p = i / V::kParts % P;
        float* to = out + i / kPartsOfRow * args.out_stride + p * panel_step * kOutputs + i % V::kParts * V::kLanes;
        FirstLanes<V>::Store(acc[i], to, (p + 1 < P ? kOutputs : last_outputs) - i % V::kParts * V::kLanes);
      }
    }

    // A group's share of the block's lines.
    [[gnu::always_inline]] void FetchGroup(const uint8_t* block, int64_t g) const {
      constexpr int64_t kLines = Block::kBytes / 64;
      const int64_t lines_before = (block - panels) / 64;
      for (int64_t line = kLines * g / Block::kGroups; line < kLines * (g + 1) / Block::kGroups; ++line) {
        const uint8_t* ahead = fetch.Ahead(lines_before + line);
        for (int p = 0; p < P; ++p) __builtin_prefetch(ahead + PanelOffset(p * V::kParts));
      }
    }

    [[gnu::always_inline]] void AddBlock(const uint8_t* block, int64_t k, Part (&acc)[kSums]) const {
      // What a row takes off for each unit of its groups' minima.
      float taken[R][Block::kGroups];
      const int64_t first_group = k / Block::kGroupInputs;
      if constexpr (Block::kHasMinima) {
        for (int r = 0; r < R; ++r) {
          const int64_t at = rows.index[r] * args.x.num_groups + first_group;
          for (int64_t g = 0; g < Block::kGroups; ++g) {
            taken[r][g] = -(static_cast<float>(args.x.sums[at + g]) * args.x.scales[at + g]);
          }
        }
      }
      for (int64_t g = 0; g < Block::kGroups; ++g) {
        Ints totals[kSums];
#pragma GCC unroll 32
        for (int i = 0; i < kSums; ++i) {
          const int64_t at = rows.index[i / kPartsOfRow] * args.x.num_groups + first_group + g;
          totals[i] = Q::Set(Block::kZeroPoint == 0 ? 0 : -Block::kZeroPoint * args.x.sums[at]);
        }
        FetchGroup(block, g);
        AddGroup(block + Block::kGroupsOffset + g * Block::kGroupBytes, k + g * Block::kGroupInputs, totals);
#pragma GCC unroll 32
        for (int i = 0; i < kPartsOfRow; ++i) {
          const uint8_t* head = block + PanelOffset(i);
          const int lane = i % V::kParts * V::kLanes;
          const uint8_t* scales = head + Block::kScalesOffset + g * Block::kScaleBytes + lane;
          const Part scale = V::Mul(V::Load(reinterpret_cast<const F16*>(head) + lane), Q::Scales(scales));
          [[maybe_unused]] Part minimum;
          if constexpr (Block::kHasMinima) {
            const auto* m = reinterpret_cast<const F16*>(head + Block::kMinimaOfScalesOffset) + lane;
            minimum = V::Mul(V::Load(m), Q::Scales(scales + Block::kMinimaOffset));
          }
#pragma GCC unroll 32
          for (int r = 0; r < R; ++r) {
            const Part x_scale = V::Set(args.x.scales[rows.index[r] * args.x.num_groups + first_group + g]);
            Part& to = acc[At(r, i)];
            to = V::Fma(Q::ToFloats(totals[At(r, i)]), V::Mul(x_scale, scale), to);
            if constexpr (Block::kHasMinima) to = V::Fma(V::Set(taken[r][g]), minimum, to);
          }
        }
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
    tile.Run();
  }

  static void Run(const IntPanels& args) { PanelWalk<KTiles>::Run(args); }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_K_PANEL_KERNELS_H_
