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

namespace foregate::internal {

// Q is V::KQuant<kHighBits>, in the terms of int_panel_kernels.h and with
//   Unpack(group, part, u)   unit u of the group's outputs from byte `part` of a line on, without the zero point's
//   share kFoldUnits               units whose products 16 bits hold Scales(from)             kLanes scales of 8 bits,
//   as floats
template <typename V, int kHighBits>
struct KTiles {
  using Q = typename V::template KQuant<kHighBits>;
  using Block = KBlock<kHighBits>;
  using Part = typename V::Part;
  using Ints = typename Q::Ints;
  using Sums = typename Q::Sums;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kPartBytes = 64 / V::kParts;

  // R rows over P panels, `panel_step` panels apart, of which the last has `last_outputs` outputs.
  template <int R, int P>
  struct Tile {
    static constexpr int kPartsOfRow = P * V::kParts;
    static constexpr int kSums = R * kPartsOfRow;

    const IntPanels& args;
    const int8_t* x[R];
    int64_t row[R];
    const uint8_t* panels;
    float* out;
    int64_t last_outputs;
    int64_t panel_step;
    bool fetches;  // the first pass over the panels

    // A few KB in all (int_panel_kernels.h).
    static constexpr int64_t kAhead = P >= 4 ? 512 : P == 2 ? 2048 : 4096;

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
#pragma GCC unroll 16
          for (int i = 0; i < kSums; ++i) sums[i] = Q::Zero();
        }
        AddUnit(group, k, u, sums);
        if (u % Q::kFoldUnits == Q::kFoldUnits - 1) {
#pragma GCC unroll 16
          for (int i = 0; i < kSums; ++i) totals[i] = Q::AddNarrow(totals[i], sums[i]);
        }
      }
    }

    [[gnu::always_inline]] void AddUnit(const uint8_t* group, int64_t k, int u, Sums (&sums)[kSums]) const {
      // Few rows and many panels, or the reverse: what there is little of stays in registers.
      if constexpr (R <= 2) {
        typename Q::Inputs inputs[R];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) inputs[r] = Q::Broadcast(x[r] + k + u * 8);
#pragma GCC unroll 16
        for (int i = 0; i < kPartsOfRow; ++i) {
          const auto weights = Q::Unpack(group + PanelOffset(i), i % V::kParts * kPartBytes, u);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) sums[At(r, i)] = Q::MulAdd(sums[At(r, i)], weights, inputs[r]);
        }
      } else {
        typename Q::Weights weights[kPartsOfRow];
#pragma GCC unroll 16
        for (int i = 0; i < kPartsOfRow; ++i) {
          weights[i] = Q::Unpack(group + PanelOffset(i), i % V::kParts * kPartBytes, u);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const auto inputs = Q::Broadcast(x[r] + k + u * 8);
#pragma GCC unroll 16
          for (int i = 0; i < kPartsOfRow; ++i) sums[At(r, i)] = Q::MulAdd(sums[At(r, i)], weights[i], inputs);
        }
      }
    }

    void Run() const {
      Part acc[kSums];
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) acc[i] = V::Set(0.0f);
      const uint8_t* block = panels;
      for (int64_t k = 0; k < args.k_end; k += Block::kInputs, block += Block::kBytes) AddBlock(block, k, acc);
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) {
        const int p = i / V::kParts % P;
        float* to = out + i / kPartsOfRow * args.out_stride + p * panel_step * kOutputs + i % V::kParts * V::kLanes;
        FirstLanes<V>::Store(acc[i], to, (p + 1 < P ? kOutputs : last_outputs) - i % V::kParts * V::kLanes);
      }
    }

    // A group's share of the panels' lines.
    [[gnu::always_inline]] void FetchGroup(const uint8_t* block, int64_t g) const {
      constexpr int64_t kLines = Block::kBytes / 64;
      for (int64_t line = kLines * g / Block::kGroups; line < kLines * (g + 1) / Block::kGroups; ++line) {
        for (int p = 0; p < P; ++p) __builtin_prefetch(block + PanelOffset(p * V::kParts) + kAhead + line * 64);
      }
    }

    [[gnu::always_inline]] void AddBlock(const uint8_t* block, int64_t k, Part (&acc)[kSums]) const {
      // What a row takes off for each unit of its groups' minima.
      float taken[R][Block::kGroups];
      const int64_t first_group = k / Block::kGroupInputs;
      if constexpr (Block::kHasMinima) {
        for (int r = 0; r < R; ++r) {
          const int64_t at = row[r] * args.x.num_groups + first_group;
          for (int64_t g = 0; g < Block::kGroups; ++g) {
            taken[r][g] = -(static_cast<float>(args.x.sums[at + g]) * args.x.scales[at + g]);
          }
        }
      }
      for (int64_t g = 0; g < Block::kGroups; ++g) {
        Ints totals[kSums];
#pragma GCC unroll 16
        for (int i = 0; i < kSums; ++i) {
          const int64_t at = row[i / kPartsOfRow] * args.x.num_groups + first_group + g;
          totals[i] = Q::Set(Block::kZeroPoint == 0 ? 0 : -Block::kZeroPoint * args.x.sums[at]);
        }
        if (fetches) FetchGroup(block, g);
        AddGroup(block + Block::kGroupsOffset + g * Block::kGroupBytes, k + g * Block::kGroupInputs, totals);
#pragma GCC unroll 16
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
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) {
            const Part x_scale = V::Set(args.x.scales[row[r] * args.x.num_groups + first_group + g]);
            Part& to = acc[At(r, i)];
            to = V::Fma(Q::ToFloats(totals[At(r, i)]), V::Mul(x_scale, scale), to);
            if constexpr (Block::kHasMinima) to = V::Fma(V::Set(taken[r][g]), minimum, to);
          }
        }
      }
    }
  };

  template <int R, int P>
  static void RunTile(const IntPanels& args, int64_t first_row, int64_t first_panel, int64_t panel_step) {
    const int64_t rest = args.num_outputs - (first_panel + (P - 1) * panel_step) * kOutputs;
    Tile<R, P> tile = {
        .args = args,
        .x = {},
        .row = {},
        .panels = static_cast<const uint8_t*>(args.panels) + static_cast<size_t>(first_panel) * args.panel_stride,
        .out = args.out + first_row * args.out_stride + first_panel * kOutputs,
        .last_outputs = rest < kOutputs ? rest : kOutputs,
        .panel_step = panel_step,
        .fetches = first_row == 0};
    for (int r = 0; r < R; ++r) {
      tile.row[r] = args.x_rows == nullptr ? first_row + r : args.x_rows[first_row + r];
      tile.x[r] = args.x.values + tile.row[r] * args.x.stride;
    }
    tile.Run();
  }

  // P panels at a time, one of each P-th of all, so that memory is read in P streams that only go forward; what is left
  // over one by one.
  template <int R, int P>
  static void RunRows(const IntPanels& args, int64_t first_row) {
    const int64_t num_panels = (args.num_outputs + kOutputs - 1) / kOutputs;
    const int64_t step = num_panels / P;
    for (int64_t n = 0; n < step; ++n) RunTile<R, P>(args, first_row, n, step);
    for (int64_t n = step * P; n < num_panels; ++n) RunTile<R, 1>(args, first_row, n, 1);
  }

  static void Run(const IntPanels& args) {
    int64_t r = 0;
    for (; r + Q::kTileRows <= args.num_rows; r += Q::kTileRows) RunRows<Q::kTileRows, Q::kTilePanels>(args, r);
    for (; r + 2 <= args.num_rows; r += 2) RunRows<2, Q::kPairPanels>(args, r);
    for (; r < args.num_rows; ++r) RunRows<1, Q::kRowPanels>(args, r);
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_K_PANEL_KERNELS_H_
