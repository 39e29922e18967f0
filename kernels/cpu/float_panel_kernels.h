// Products of f32 rows with packed float panels (kernels/weights/weight_matrix.h), written once over a vector type V as
// lane_kernels.h does it, and under the same rule: nothing here calls a function of another header.
//
// The arithmetic is "f32.seq.fma.v2": acc = fma(x[k], w[k], acc) for ascending k from +0, for each output by itself. A
// lane is an output, an input is broadcast, and no sum is ever split, so every tile shape gives the same bits; sums
// that rest in `out` between blocks of inputs are exact.
//
// Two ways through the panels. Few rows are bound by memory: every panel is read once from end to end, several of them
// at a time. Many rows are bound by arithmetic: a block of a panel's inputs stays in the L1 while tiles of rows, copied
// side by side into a buffer for the L2, pass over it.
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

  // Rows that lie anywhere.
  template <int R>
  struct GatheredRows {
    const float* row[R];
    float At(int r, int64_t k) const { return row[r][k]; }
  };
  // Rows at a stride that the compiler knows, so that one register addresses all of them.
  static constexpr int64_t kBlockInputs = 512;
  // 16 more than a power of two: the rows' elements fall into different sets of the L1.
  static constexpr int64_t kPackedStride = kBlockInputs + 16;
  static constexpr int64_t kBlockRows = 120;
  struct PackedRows {
    const float* first;
    float At(int r, int64_t k) const { return first[r * kPackedStride + k]; }
  };

  // `count` inputs of P consecutive panels, and where the sums of the first panel's first output are.
  struct Block {
    const char* panels;
    int64_t panel_stride;
    int64_t count;
    bool fresh;  // the sums start from +0, not from what `out` holds
    float* out;
    int64_t out_stride;
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
    const char* unit = block.panels;
    int64_t k = 0;
    for (; k + Unit::kInputs <= block.count; k += Unit::kInputs, unit += Unit::kBytes) {
#pragma GCC unroll 2
      for (int input = 0; input < Unit::kInputs; ++input) {
        AddInput<R, P>(x, k + input, unit, block.panel_stride, input, sums);
      }
    }
    // The last pair's second input may be padding.
    if (k < block.count) AddInput<R, P>(x, k, unit, block.panel_stride, 0, sums);
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

  // All of the R rows that there are.
  template <int R>
  static void FewRows(const FloatPanels& args) {
    if constexpr (R > 1) {
      if (args.num_rows < R) return FewRows<R - 1>(args);
    }
    GatheredRows<R> x;
    for (int r = 0; r < R; ++r) x.row[r] = Row(args, r);
    Panels<R, StreamPanels(R)>(x,
                               {static_cast<const char*>(args.panels), static_cast<int64_t>(args.panel_stride),
                                args.k_end, !args.accumulate, args.out, args.out_stride},
                               args.num_outputs);
  }

  // `rows` <= R packed rows.
  template <int R>
  static void PackedTile(int64_t rows, const PackedRows& x, const Block& block, int64_t num_outputs) {
    if constexpr (R > 1) {
      if (rows < R) return PackedTile<R - 1>(rows, x, block, num_outputs);
    }
    Panels<R, V::kTilePanels>(x, block, num_outputs);
  }

  static void CopyRow(const float* from, float* to, int64_t count) {
    int64_t k = 0;
    for (; k + V::kLanes <= count; k += V::kLanes) V::Store(to + k, V::Load(from + k));
    for (; k < count; ++k) to[k] = from[k];
  }

  // Rows [first, first + rows) times inputs [k, k + count) of all panels.
  static void RowBlock(const FloatPanels& args, int64_t first, int64_t rows, int64_t k, int64_t count, float* packed) {
    for (int64_t r = 0; r < rows; ++r) CopyRow(Row(args, first + r) + k, packed + r * kPackedStride, count);
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const char* panels = static_cast<const char*>(args.panels) + k / Unit::kInputs * Unit::kBytes;
    const int64_t num_tiles = (rows + V::kTileRows - 1) / V::kTileRows;
    for (int64_t n = 0; n < args.num_outputs; n += V::kTilePanels * kOutputs) {
      const int64_t rest = args.num_outputs - n;
      const int64_t num_outputs = rest < V::kTilePanels * kOutputs ? rest : V::kTilePanels * kOutputs;
      Block block = {panels + n / kOutputs * stride, stride,  count,
                     k == 0 && !args.accumulate,     nullptr, args.out_stride};
      // Tiles of nearly equal height: a last tile of one or two rows would not fill the units.
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t begin = rows * tile / num_tiles;
        const int64_t end = rows * (tile + 1) / num_tiles;
        block.out = args.out + (first + begin) * args.out_stride + n;
        PackedTile<V::kTileRows>(end - begin, {packed + begin * kPackedStride}, block, num_outputs);
      }
    }
  }

  static void ManyRows(const FloatPanels& args) {
    alignas(64) float packed[kBlockRows * kPackedStride];
    const int64_t num_blocks = (args.num_rows + kBlockRows - 1) / kBlockRows;
    for (int64_t i = 0; i < num_blocks; ++i) {
      const int64_t begin = args.num_rows * i / num_blocks;
      const int64_t end = args.num_rows * (i + 1) / num_blocks;
      for (int64_t k = 0; k < args.k_end; k += kBlockInputs) {
        const int64_t rest = args.k_end - k;
        RowBlock(args, begin, end - begin, k, rest < kBlockInputs ? rest : kBlockInputs, packed);
      }
    }
  }

  static void Run(const FloatPanels& args) {
    if (args.num_rows <= 0 || args.num_outputs <= 0) return;
    if (args.num_rows <= V::kFewRows) {
      FewRows<V::kFewRows>(args);
    } else {
      ManyRows(args);
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
