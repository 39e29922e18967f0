// Attention's two products over a span of positions, with the keys and values of paged blocks (kernels/api/kv_index.h),
// written once over a vector type V as float_panel_kernels.h does it, under the same rules and with the same
// arithmetic: each sum is one chain of fma, over ascending dimensions for scores and ascending positions for values.
//
// A head's part of a block is some KB, and the next block lies anywhere, so the processor's own prefetcher starts anew
// with each: these kernels walk lists of panels, and while tiles of rows pass over some, the ones after them are
// fetched line by line.
#ifndef FOREGATE_KERNELS_CPU_SPAN_KERNELS_H_
#define FOREGATE_KERNELS_CPU_SPAN_KERNELS_H_

#include <cstdint>

#include "kernels/cpu/panel_args.h"

namespace foregate::internal {

template <typename V>
struct SpanKernels {
  using Part = typename V::Part;
  static constexpr int kPanel = 16;  // positions of a key panel, dimensions of a value panel
  static constexpr int kParts = kPanel / V::kLanes;

  // Panels that a tile of R rows reads side by side: as many as there are registers for.
  static constexpr int PanelsOf(int rows) {
    const int panels = V::kMaxSums / kParts / rows;
    return panels >= 4 ? 4 : panels >= 2 ? 2 : 1;
  }

  // Which tile of how many passes over the same panels: each fetches its share of what comes after them, so that lines
  // are asked for evenly. A core waits for at most some 24 lines at once (Zen 3), which no burst gets around.
  struct Turn {
    int64_t tile, num_tiles;
    // Of `lines` lines.
    int64_t first_line(int64_t lines) const { return lines * tile / num_tiles; }
    int64_t bytes_per_line() const { return 64 / num_tiles; }
  };

  // R rows times P panels, whose sums come from and go to `out`.
  template <int R, int P>
  struct Tile {
    static constexpr int kSums = R * P * kParts;
    const float* x[R];
    const float* panels[P];
    const char* ahead[P];
    int64_t ahead_step;
    Part sums[kSums];

    [[gnu::always_inline]] void Clear() {
#pragma GCC unroll 64
      for (int i = 0; i < kSums; ++i) sums[i] = V::Set(0.0f);
    }
    [[gnu::always_inline]] void Load(const float* out, int64_t stride) {
#pragma GCC unroll 64
      for (int i = 0; i < kSums; ++i) {
        sums[i] = V::Load(out + i / (P * kParts) * stride + i % (P * kParts) * V::kLanes);
      }
    }
    [[gnu::always_inline]] void Store(float* out, int64_t stride) const {
#pragma GCC unroll 64
      for (int i = 0; i < kSums; ++i) {
        V::Store(out + i / (P * kParts) * stride + i % (P * kParts) * V::kLanes, sums[i]);
      }
    }
    // Panel p will be `panel`, and `next` is read after it.
    void SetPanel(int p, const float* panel, const float* next, int64_t num_lines, Turn turn) {
      panels[p] = panel;
      ahead[p] = reinterpret_cast<const char*>(next + turn.first_line(num_lines) * kPanel);
      ahead_step = turn.bytes_per_line();
    }
    // Adds the products of each row's elements [first, first + count) with as many lines of the panels. Into the L2,
    // because what comes next is as large as the L1: measured 10 % better than into the L1, and than NTA.
    [[gnu::always_inline]] void Add(int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        Part weights[P * kParts];
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) __builtin_prefetch(ahead[p] + i * ahead_step, 0, 2);
#pragma GCC unroll 16
        for (int j = 0; j < P * kParts; ++j) {
          weights[j] = V::Load(panels[j / kParts] + i * kPanel + j % kParts * V::kLanes);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const Part broadcast = V::Set(x[r][first + i]);
#pragma GCC unroll 16
          for (int j = 0; j < P * kParts; ++j) V::AddProduct(broadcast, weights[j], sums[r * P * kParts + j]);
        }
      }
    }
  };

  template <int R, int P>
  static void ScoreTile(const KeySpan& args, int64_t first_row, int64_t panel, Turn turn) {
    Tile<R, P> tile;
    for (int r = 0; r < R; ++r) tile.x[r] = args.q + args.q_rows[first_row + r] * args.head_dim;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      tile.SetPanel(p, args.panels[panel + p], args.panels[panel + P + p], args.head_dim, turn);
    }
    tile.Clear();
    tile.Add(0, args.head_dim);
    tile.Store(args.out + first_row * args.out_stride + panel * kPanel, args.out_stride);
  }

  template <int R, int P>
  static void ValueTile(const ValueSpan& args, int64_t first_row, int64_t panel, Turn turn) {
    Tile<R, P> tile;
    for (int r = 0; r < R; ++r) tile.x[r] = args.x + (first_row + r) * args.x_stride;
    float* out = args.out + first_row * args.out_stride + panel * kPanel;
    const bool is_last = (panel + P) * kPanel >= args.head_dim;
    tile.Load(out, args.out_stride);
    for (int64_t i = 0; i < args.num_panels; ++i) {
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const float* at = args.panels[i] + (panel + p) * args.panel_stride;
        const float* next = is_last ? args.next[i] + p * kPanel * kPanel : at + P * args.panel_stride;
        tile.SetPanel(p, at, next, kPanel, turn);
      }
      tile.Add(i * kPanel, kPanel);
    }
    tile.Store(out, args.out_stride);
  }

  // body.template operator()<R', P>(first row, first panel, turn) over tiles of R or R - 1 rows, all rows for each
  // panels.
  template <int R, typename Body>
  static void ForTiles(int64_t num_rows, int64_t num_panels, const Body& body) {
    const int64_t num_tiles = (num_rows + R - 1) / R;
    const auto rows = [&]<int P>(int64_t panel) {
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t begin = num_rows * tile / num_tiles;
        const bool is_full = num_rows * (tile + 1) / num_tiles - begin == R;
        if constexpr (R > 1) {
          if (!is_full) {
            body.template operator()<R - 1, P>(begin, panel, Turn{tile, num_tiles});
            continue;
          }
        }
        body.template operator()<R, P>(begin, panel, Turn{tile, num_tiles});
      }
    };
    constexpr int kSideBySide = PanelsOf(R);
    int64_t panel = 0;
    for (; panel + kSideBySide <= num_panels; panel += kSideBySide) rows.template operator()<kSideBySide>(panel);
    for (; panel < num_panels; ++panel) rows.template operator()<1>(panel);
  }

  // Tiles of nearly equal height, at most V::kFewRows.
  template <int R, typename Body>
  static void ForRows(int64_t num_rows, int64_t num_panels, const Body& body) {
    const int64_t num_tiles = (num_rows + V::kFewRows - 1) / V::kFewRows;
    if constexpr (R > 1) {
      if ((num_rows + num_tiles - 1) / num_tiles < R) return ForRows<R - 1>(num_rows, num_panels, body);
    }
    ForTiles<R>(num_rows, num_panels, body);
  }

  static void ScoreKeys(const KeySpan& args) {
    ForRows<V::kFewRows>(args.num_rows, args.num_panels, [&]<int R, int P>(int64_t row, int64_t panel, Turn turn) {
      ScoreTile<R, P>(args, row, panel, turn);
    });
  }

  static void AddValues(const ValueSpan& args) {
    ForRows<V::kFewRows>(
        args.num_rows, args.head_dim / kPanel,
        [&]<int R, int P>(int64_t row, int64_t panel, Turn turn) { ValueTile<R, P>(args, row, panel, turn); });
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_SPAN_KERNELS_H_
