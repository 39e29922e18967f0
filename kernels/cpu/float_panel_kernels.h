// Products of f32 rows with packed float panels (kernels/weights/weight_matrix.h), written once over a vector type V as
// lane_kernels.h does it, and under the same rule: nothing here calls a function of another header.
//
// The arithmetic is "f32.seq.fma.v2": acc = fma(x[k], w[k], acc) for ascending k from +0, for each output by itself. A
// lane is an output, an input is broadcast, and no sum is ever split, so every tile shape gives the same bits; sums
// that rest in `out` between blocks of inputs are exact.
//
// Two ways through the panels. Few rows are bound by memory: every panel is read once from end to end, several of them
// at a time. Many rows are bound by arithmetic: a block of a panel's inputs stays in the L2 while tiles of rows, copied
// side by side into a buffer that stays there too, pass over it.
#ifndef FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_
#define FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/panel_args.h"

namespace foregate::internal {

// How a panel of W lies in memory: units of kInputs inputs of all 16 outputs.
template <typename V, typename W>
struct PanelUnit {
  static constexpr int kInputs = 1;
  static constexpr int64_t kBytes = 16 * static_cast<int64_t>(sizeof(W));
  static typename V::Part Load(const char* unit, int /*input*/, int part) {
    return V::Load(reinterpret_cast<const W*>(unit) + part * V::kLanes);
  }
};
template <typename V>
struct PanelUnit<V, Bf16> {
  static constexpr int kInputs = 2;
  static constexpr int64_t kBytes = 64;
  // Of each output's pair, the low half is the even input's value.
  static typename V::Part Load(const char* unit, int input, int part) {
    const char* pairs = unit + part * V::kLanes * 4;
    return input == 0 ? V::LoadLowHalves(pairs) : V::LoadHighHalves(pairs);
  }
};

template <typename V, typename W>
struct FloatPanelTiles {
  using Part = typename V::Part;
  using Unit = PanelUnit<V, W>;
  static constexpr int kOutputs = 16;
  static constexpr int kParts = kOutputs / V::kLanes;
  static constexpr int64_t kLine = 64;

  // Rows where they lie.
  template <int R>
  struct RowsInPlace {
    const float* row[R];
    float At(int r, int64_t k) const { return row[r][k]; }
  };
  // Rows side by side for each input, so that a tile reads one stream.
  template <int R>
  struct RowsPacked {
    const float* first;
    float At(int r, int64_t k) const { return first[k * R + r]; }
  };
  // Packed rows stay in the L2 beside the block of a panel that they meet.
  static constexpr int64_t kPackedFloats = V::kPackedBytes / 4;
  // 64 KB of a panel. Long blocks, because the sums of a tile pass through memory between two of them: blocks for the
  // L1 (256 inputs) reach 0.75 of what a tile does alone, these 0.92.
  static constexpr int64_t kBlockInputs = 4096 / sizeof(W);

  // `count` inputs of consecutive panels, and where the sums of the first panel's first output are.
  struct Block {
    const char* panels;
    int64_t panel_stride;
    int64_t count;
    bool fresh;  // the sums start from +0, not from what `out` holds
    float* out;
    int64_t out_stride;
    // What to prefetch meanwhile: `ahead_step` bytes for each line of the panel, from `ahead` on.
    const char* ahead;
    int64_t ahead_step;
  };

  template <int R, int P, typename Rows>
  [[gnu::always_inline]] static inline void AddInput(const Rows& x, int64_t k, const char* unit, int64_t panel_stride,
                                                     int input, Part (&sums)[R * P * kParts]) {
    Part weights[P * kParts];
#pragma GCC unroll 16
    for (int i = 0; i < P * kParts; ++i) {
      weights[i] = Unit::Load(unit + i / kParts * panel_stride, input, i % kParts);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Part broadcast = V::Set(x.At(r, k));
#pragma GCC unroll 16
      for (int i = 0; i < P * kParts; ++i) V::AddProduct(broadcast, weights[i], sums[r * P * kParts + i]);
    }
  }

  // The inputs of a line (64 bytes) of each of P panels.
  template <int R, int P, typename Rows>
  [[gnu::always_inline]] static inline void AddLine(const Rows& x, int64_t k, const char* line, int64_t panel_stride,
                                                    Part (&sums)[R * P * kParts]) {
#pragma GCC unroll 2
    for (int i = 0; i < kLineInputs; ++i) {
      AddInput<R, P>(x, k + i, line + i / Unit::kInputs * Unit::kBytes, panel_stride, i % Unit::kInputs, sums);
    }
  }
  static constexpr int kLineInputs = static_cast<int>(kLine / kOutputs / sizeof(W));

  // R rows times P panels. g++ keeps an array in registers only if every index is a constant, hence the unrolling.
  template <int R, int P, typename Rows>
  static void Tile(const Rows& x, const Block& block) {
    Part sums[R * P * kParts];
    float* const out = block.out;
#pragma GCC unroll 64
    for (int i = 0; i < R * P * kParts; ++i) {
      sums[i] = block.fresh ? V::Set(0.0f)
                            : V::Load(out + i / (P * kParts) * block.out_stride + i % (P * kParts) * V::kLanes);
    }
    const char* line = block.panels;
    const char* ahead = block.ahead;
    int64_t k = 0;
    for (; k + kLineInputs <= block.count; k += kLineInputs, line += kLine) {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) __builtin_prefetch(ahead + p * block.panel_stride);
      ahead += block.ahead_step;
      AddLine<R, P>(x, k, line, block.panel_stride, sums);
    }
    // One input: the second of a line, of bf16's last pair, may be padding.
    if (k < block.count) AddInput<R, P>(x, k, line, block.panel_stride, 0, sums);
#pragma GCC unroll 64
    for (int i = 0; i < R * P * kParts; ++i) {
      V::Store(out + i / (P * kParts) * block.out_stride + i % (P * kParts) * V::kLanes, sums[i]);
    }
  }

  // The same for a panel of which only `num_outputs` outputs are wanted.
  template <int R, typename Rows>
  static void EdgeTile(const Rows& x, Block block, int64_t num_outputs) {
    float edge[R * kOutputs];
    float* const out = block.out;
    const int64_t out_stride = block.out_stride;
    for (int r = 0; r < R && !block.fresh; ++r) {
      for (int64_t n = 0; n < num_outputs; ++n) edge[r * kOutputs + n] = out[r * out_stride + n];
      for (int64_t n = num_outputs; n < kOutputs; ++n) edge[r * kOutputs + n] = 0.0f;
    }
    block.out = edge;
    block.out_stride = kOutputs;
    Tile<R, 1>(x, block);
    for (int r = 0; r < R; ++r) {
      for (int64_t n = 0; n < num_outputs; ++n) out[r * out_stride + n] = edge[r * kOutputs + n];
    }
  }

  // R rows times `num_outputs` outputs from the block's first panel on, P panels at a time.
  template <int R, int P, typename Rows>
  static void Panels(const Rows& x, Block block, int64_t num_outputs) {
    for (; num_outputs >= P * kOutputs; num_outputs -= P * kOutputs) {
      Tile<R, P>(x, block);
      block.panels += P * block.panel_stride;
      block.ahead += P * block.panel_stride;
      block.out += P * kOutputs;
    }
    if constexpr (P > 1) {
      Panels<R, P / 2>(x, block, num_outputs);
    } else {
      if (num_outputs > 0) EdgeTile<R>(x, block, num_outputs);
    }
  }

  static const float* Row(const FloatPanels& args, int64_t r) {
    return args.x + (args.x_rows == nullptr ? r : args.x_rows[r]) * args.x_stride;
  }

  static constexpr int StreamPanels(int rows) {
    const int panels = V::kMaxSums / kParts / rows;
    return panels >= 4 ? 4 : panels >= 2 ? 2 : 1;
  }

  // `rows` <= R rows from `first` on.
  template <int R>
  static void InPlaceTile(const FloatPanels& args, int64_t first, int64_t rows) {
    if constexpr (R > 1) {
      if (rows < R) return InPlaceTile<R - 1>(args, first, rows);
    }
    RowsInPlace<R> x;
    for (int r = 0; r < R; ++r) x.row[r] = Row(args, first + r);
    const char* panels = static_cast<const char*>(args.panels);
    const Block block = {panels,
                         static_cast<int64_t>(args.panel_stride),
                         args.k_end,
                         !args.accumulate,
                         args.out + first * args.out_stride,
                         args.out_stride,
                         panels + V::StreamAhead(StreamPanels(R), static_cast<int64_t>(args.panel_stride)),
                         kLine};
    Panels<R, StreamPanels(R)>(x, block, args.num_outputs);
  }

  // All panels for each few rows.
  static void InPlace(const FloatPanels& args) {
    const int64_t num_tiles = (args.num_rows + V::kFewRows - 1) / V::kFewRows;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t begin = args.num_rows * tile / num_tiles;
      InPlaceTile<V::kFewRows>(args, begin, args.num_rows * (tile + 1) / num_tiles - begin);
    }
  }

  // `rows` <= R packed rows.
  template <int R>
  static void PackedTile(int64_t rows, const float* x, const Block& block, int64_t num_outputs) {
    if constexpr (R > 1) {
      if (rows < R) return PackedTile<R - 1>(rows, x, block, num_outputs);
    }
    Panels<R, V::kTilePanels>(RowsPacked<R>{x}, block, num_outputs);
  }

  // Packs inputs [k, k + count) of `rows` <= R rows.
  template <int R>
  static void Pack(const FloatPanels& args, int64_t first, int64_t rows, int64_t k, int64_t count, float* to) {
    if constexpr (R > 1) {
      if (rows < R) return Pack<R - 1>(args, first, rows, k, count, to);
    }
    const float* from[R];
    for (int r = 0; r < R; ++r) from[r] = Row(args, first + r) + k;
    for (int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) to[i * R + r] = from[r][i];
    }
  }

  // Rows [first, first + rows) times inputs [k, k + count) of all panels.
  static void RowBlock(const FloatPanels& args, int64_t first, int64_t rows, int64_t k, int64_t count, float* packed) {
    // Tiles of nearly equal height: a last tile of one or two rows would not fill the units.
    const int64_t num_tiles = (rows + V::kTileRows - 1) / V::kTileRows;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t begin = rows * tile / num_tiles;
      Pack<V::kTileRows>(args, first + begin, rows * (tile + 1) / num_tiles - begin, k, count, packed + begin * count);
    }
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const char* panels = static_cast<const char*>(args.panels) + k / Unit::kInputs * Unit::kBytes;
    const int64_t num_lines = (count + kLineInputs - 1) / kLineInputs;
    for (int64_t n = 0; n < args.num_outputs; n += V::kTilePanels * kOutputs) {
      const int64_t rest = args.num_outputs - n;
      const int64_t num_outputs = rest < V::kTilePanels * kOutputs ? rest : V::kTilePanels * kOutputs;
      Block block = {panels + n / kOutputs * stride,
                     stride,
                     count,
                     k == 0 && !args.accumulate,
                     nullptr,
                     args.out_stride,
                     nullptr,
                     kLine / num_tiles};
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t begin = rows * tile / num_tiles;
        const int64_t end = rows * (tile + 1) / num_tiles;
        block.out = args.out + (first + begin) * args.out_stride + n;
        const float* next_out = tile + 1 < num_tiles
                                    ? args.out + (first + end) * args.out_stride + n
                                    : args.out + first * args.out_stride + n + V::kTilePanels * kOutputs;
        for (int64_t r = begin; r < end; ++r) __builtin_prefetch(next_out + (r - begin) * args.out_stride, 1);
        // The next panels' block, a part of it with each tile.
        block.ahead = block.panels + V::kTilePanels * stride + num_lines * tile / num_tiles * kLine;
        PackedTile<V::kTileRows>(end - begin, packed + begin * count, block, num_outputs);
      }
    }
  }

  static void Packed(const FloatPanels& args) {
    alignas(64) float packed[kPackedFloats];
    const int64_t block_inputs = args.k_end < 1 ? 1 : args.k_end < kBlockInputs ? args.k_end : kBlockInputs;
    const int64_t block_rows = kPackedFloats / block_inputs;
    const int64_t num_blocks = (args.num_rows + block_rows - 1) / block_rows;
    for (int64_t i = 0; i < num_blocks; ++i) {
      const int64_t begin = args.num_rows * i / num_blocks;
      const int64_t end = args.num_rows * (i + 1) / num_blocks;
      int64_t k = 0;
      do {
        const int64_t rest = args.k_end - k;
        RowBlock(args, begin, end - begin, k, rest < kBlockInputs ? rest : kBlockInputs, packed);
        k += kBlockInputs;
      } while (k < args.k_end);
    }
  }

  static void Run(const FloatPanels& args) {
    if (args.num_rows <= 0 || args.num_outputs <= 0) return;
    // Few panels (a block of attention, say) stay in the L2 anyway and do not repay the packing of rows.
    const int64_t panel_bytes = args.num_outputs * args.k_end * static_cast<int64_t>(sizeof(W));
    if (args.num_rows <= V::kFewRows || (args.num_outputs <= 8 * kOutputs && panel_bytes <= V::kPackedBytes / 2)) {
      InPlace(args);
    } else {
      Packed(args);
    }
  }
};

template <typename V>
struct FloatPanelKernels {
  template <typename W>
  static void Run(const FloatPanels& args) {
    FloatPanelTiles<V, W>::Run(args);
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_FLOAT_PANEL_KERNELS_H_
