// In which order tiles of rows meet packed panels of quantized weights, for the kernels of int_panel_kernels.h and
// k_panel_kernels.h and under the rules of lane_kernels.h.
//
// Rows that fit one tile are bound by memory: the panels are read once, in several streams that only go forward. More
// rows are bound by arithmetic: a group of panels stays in the L2 while all tiles of rows pass over it, and each tile
// fetches its share of the next group meanwhile.
#ifndef FOREGATE_KERNELS_CPU_PANEL_WALK_H_
#define FOREGATE_KERNELS_CPU_PANEL_WALK_H_

#include <cstdint>

#include "kernels/cpu/panel_args.h"

namespace foregate::internal {

// What a tile prefetches while it reads its panels: while it reads the lines (of 64 bytes) of a panel, one of
// `num_tiles` equal parts of as many lines from `first` on. Of every panel, panels being equally far apart.
struct PanelFetch {
  PanelFetch(const uint8_t* from, int64_t num_tiles) : first(from), step(64 * 256 / num_tiles) {}
  const uint8_t* Ahead(int64_t line) const { return first + (line * step >> 8); }

  const uint8_t* first;
  int64_t step;  // 256 times the bytes by which it moves on with each line
};

// T is IntTiles or KTiles:
//   Q                        how an instruction set multiplies, with kStreamRows and kTileRows, the most rows of the
//                            only tile and of one of several, and StreamPanels(rows) and TilePanels(rows), the panels
//                            that such a tile covers
//   StreamAhead(n, stride)   bytes that each of n streams of panels is prefetched ahead
//   Rows<R>                  R rows as tiles read them, made from (args, first_row)
//   RunTile<P>(rows, first_panel, panel_step, fetch)
template <typename T>
struct PanelWalk {
  using Q = typename T::Q;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kLine = 64;
  static constexpr int64_t kGroupPanels = 4;

  template <int kStreamRows = Q::kStreamRows, int kTileRows = Q::kTileRows>
  static void Run(const IntPanels& args) {
    if (args.num_rows <= 0 || args.num_outputs <= 0) return;
    const int64_t num_panels = (args.num_outputs + kOutputs - 1) / kOutputs;
    if (args.num_rows <= kStreamRows) return Stream<kStreamRows>(args, num_panels);
    // Tiles of nearly equal height: a last tile of one row would leave most of the units idle.
    const int64_t num_tiles = (args.num_rows + kTileRows - 1) / kTileRows;
    for (int64_t panel = 0; panel < num_panels; panel += kGroupPanels) {
      const int64_t rest = num_panels - panel;
      const Group group = {panel, rest < kGroupPanels ? rest : kGroupPanels};
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t begin = args.num_rows * tile / num_tiles;
        const int64_t end = args.num_rows * (tile + 1) / num_tiles;
        PassOver<kTileRows>(args, begin, end - begin, group, tile, num_tiles);
      }
    }
  }

 private:
  struct Group {
    int64_t first;
    int64_t count;
  };

  static const uint8_t* PanelAt(const IntPanels& args, int64_t panel) {
    return static_cast<const uint8_t*>(args.panels) + panel * static_cast<int64_t>(args.panel_stride);
  }

  // All rows in one tile: P panels at a time, one of each P-th of all; what is left over one by one.
  template <int R>
  static void Stream(const IntPanels& args, int64_t num_panels) {
    if constexpr (R > 1) {
      if (args.num_rows < R) return Stream<R - 1>(args, num_panels);
    }
    constexpr int P = Q::StreamPanels(R);
    const typename T::template Rows<R> rows(args, 0);
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const int64_t step = num_panels / P;
    for (int64_t n = 0; n < step; ++n) {
      T::template RunTile<P>(rows, n, step, {PanelAt(args, n) + T::StreamAhead(P, stride), 1});
    }
    for (int64_t n = step * P; n < num_panels; ++n) {
      T::template RunTile<1>(rows, n, 1, {PanelAt(args, n) + T::StreamAhead(1, stride), 1});
    }
  }

  // `count` <= R rows from `first_row` on, tile number `tile` of those that pass over the group.
  template <int R>
  static void PassOver(const IntPanels& args, int64_t first_row, int64_t count, Group group, int64_t tile,
                       int64_t num_tiles) {
    if constexpr (R > 1) {
      if (count < R) return PassOver<R - 1>(args, first_row, count, group, tile, num_tiles);
    }
    constexpr int P = Q::TilePanels(R);
    const typename T::template Rows<R> rows(args, first_row);
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const int64_t share = stride / kLine * tile / num_tiles * kLine;
    const auto next = [&](int64_t panel) { return PanelFetch(PanelAt(args, panel + kGroupPanels) + share, num_tiles); };
    int64_t panel = group.first;
    const int64_t end = group.first + group.count;
    for (; panel + P <= end; panel += P) T::template RunTile<P>(rows, panel, 1, next(panel));
    for (; panel < end; ++panel) T::template RunTile<1>(rows, panel, 1, next(panel));
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PANEL_WALK_H_
