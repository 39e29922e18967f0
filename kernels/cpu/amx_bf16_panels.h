// Products with bf16 panels by AMX: "bf16.tiles.v1" (kernels/base/bf16_arithmetic.h). Many rows go through tiles, few
// rows through bf16_chains.h in the same order. The including file provides the intrinsics: AVX-512 F, BW, DQ, VL and
// BF16, AMX TILE and BF16.
//
// Up to 128 rows are rounded and copied into row tiles, which rest in the L2 (512 KB of 2 MB) while pairs of panels
// pass: a pair of row tiles times a pair of panels at a time, one load for each product.
#ifndef FOREGATE_KERNELS_CPU_AMX_BF16_PANELS_H_
#define FOREGATE_KERNELS_CPU_AMX_BF16_PANELS_H_

#include <cstdint>

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/bf16_chains.h"
#include "kernels/cpu/bf16_rows.h"
#include "kernels/cpu/panel_args.h"

namespace foregate::internal {
namespace {

class AmxBf16Panels {
 public:
  static void Run(const FloatPanels& args) {
    if (args.num_rows <= 0 || args.num_outputs <= 0) return;
    if (args.num_rows <= Bf16Chains::kMaxRows) return Bf16Chains::Run(args);
    RunTiles(args);
  }

 private:
  static constexpr int64_t kDepth = 32;  // inputs of a tile
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kMaxRows = 128;
  static constexpr int64_t kMaxInputs = 2048;  // of a pass; the sums between passes are exact in `out`

  // Inputs [k, k + count) of rows [first, first + rows), and the panels from output n on.
  struct Pass {
    const FloatPanels& args;
    int64_t first;
    int64_t rows;
    int64_t k;
    int64_t count;
    const char* packed;  // [row tiles][depths][16][32]
    int64_t num_depths() const { return (count + kDepth - 1) / kDepth; }
    int64_t row_tile_bytes() const { return num_depths() * kTileBytes; }
  };

  // A depth of weights that the panel lacks a part of, zeros behind it.
  struct alignas(64) Tail {
    char line[2][kTileBytes];
  };

  static void RunTiles(const FloatPanels& args) {
    alignas(64) uint16_t packed[kMaxRows * kMaxInputs];
    TileSession session(kTileLine);
    const int64_t num_blocks = (args.num_rows + kMaxRows - 1) / kMaxRows;
    for (int64_t i = 0; i < num_blocks; ++i) {
      const int64_t begin = args.num_rows * i / num_blocks;
      const int64_t end = args.num_rows * (i + 1) / num_blocks;
      int64_t k = 0;
      do {
        const int64_t rest = args.k_end - k;
        const Pass pass = {
            args, begin, end - begin, k, rest < kMaxInputs ? rest : kMaxInputs, reinterpret_cast<const char*>(packed)};
        PackRows(pass, packed);
        RunPass(pass, session);
        k += kMaxInputs;
      } while (k < args.k_end);
    }
  }

  static void PackRows(const Pass& pass, uint16_t* packed) {
    Barrier();
    for (int64_t r = 0; r < pass.rows; ++r) {
      const float* x = Bf16Rows::Row(pass.args, pass.first + r) + pass.k;
      uint16_t* to = packed + r / kTileRows * (pass.row_tile_bytes() / 2) + r % kTileRows * kDepth;
      for (int64_t i = 0; i < pass.count; i += kDepth, to += kTileBytes / 2) {
        Bf16Rows::RoundFirst(x + i, pass.count - i, to);
      }
    }
    Barrier();
  }

  static void RunPass(const Pass& pass, TileSession& session) {
    const FloatPanels& args = pass.args;
    const char* panels = static_cast<const char*>(args.panels) + pass.k / 2 * kTileLine;
    for (int64_t n = 0; n < args.num_outputs; n += 2 * kOutputs) {
      const char* weights = panels + n / kOutputs * static_cast<int64_t>(args.panel_stride);
      const int64_t num_panels = args.num_outputs - n > kOutputs ? 2 : 1;
      Tail tail;
      PackTail(pass, weights, num_panels, tail);
      for (int64_t r = 0; r < pass.rows; r += 2 * kTileRows) {
        const int64_t rows = pass.rows - r < 2 * kTileRows ? pass.rows - r : 2 * kTileRows;
        const int64_t rows0 = rows < kTileRows ? rows : kTileRows;
        session.Configure(rows0, rows > kTileRows ? rows - kTileRows : kTileRows);
        WithTileBlock(rows > kTileRows ? 2 : 1, num_panels, [&](auto row_tiles, auto num) {
          RunBlock<decltype(row_tiles)::value, decltype(num)::value>(pass, r, rows, n, weights, tail);
        });
      }
    }
  }

  static void PackTail(const Pass& pass, const char* weights, int64_t num_panels, Tail& tail) {
    const int64_t whole = pass.count / kDepth;
    const int64_t pairs = (pass.count - whole * kDepth + 1) / 2;
    if (pairs == 0) return;
    Barrier();
    __builtin_memset(&tail, 0, sizeof tail);
    for (int64_t p = 0; p < num_panels; ++p) {
      const char* from = weights + p * static_cast<int64_t>(pass.args.panel_stride) + whole * kTileBytes;
      __builtin_memcpy(tail.line[p], from, static_cast<size_t>(pairs * kTileLine));
    }
    Barrier();
  }

  // Rows [r, r + rows) of the pass times R x P tiles at output n.
  template <int R, int P>
  static void RunBlock(const Pass& pass, int64_t r, int64_t rows, int64_t n, const char* weights, const Tail& tail) {
    const FloatPanels& args = pass.args;
    using Block = TileBlock<R, P>;
    float* const out = args.out + (pass.first + r) * args.out_stride + n;
    const int64_t out_bytes = args.out_stride * 4;
    // The last panel's outputs that nobody wants go elsewhere.
    const int64_t last = args.num_outputs - n - (P - 1) * kOutputs;
    alignas(64) float edge[2 * kTileRows * kOutputs];
    const bool has_edge = last < kOutputs;
    char* sums[2] = {reinterpret_cast<char*>(out), reinterpret_cast<char*>(out + kOutputs)};
    int64_t lines[2] = {out_bytes, out_bytes};
    if (has_edge) {
      sums[P - 1] = reinterpret_cast<char*>(edge);
      lines[P - 1] = kTileLine;
    }
    float* const last_out = out + (P - 1) * kOutputs;
    if (pass.k == 0 && !args.accumulate) {
      Block::Zero();
    } else {
      if (has_edge) CopyColumns(last_out, args.out_stride, edge, kOutputs, rows, last);
      Barrier();
      Block::LoadSums(sums, lines);
    }
    const char* x = pass.packed + r / kTileRows * pass.row_tile_bytes();
    const char* first = weights;
    const char* second = weights + (P - 1) * static_cast<int64_t>(args.panel_stride);
    const int64_t whole = pass.count / kDepth;
    for (int64_t d = 0; d < whole; ++d) {
      Block::LoadRows(x, pass.row_tile_bytes(), kTileLine);
      Block::LoadWeights(first, second);
      Block::MultiplyBf16();
      x += kTileBytes;
      first += kTileBytes;
      second += kTileBytes;
    }
    if (whole < pass.num_depths()) {
      Block::LoadRows(x, pass.row_tile_bytes(), kTileLine);
      Block::LoadWeights(tail.line[0], tail.line[1]);
      Block::MultiplyBf16();
    }
    Block::StoreSums(sums, lines);
    if (has_edge) CopyColumns(edge, kOutputs, last_out, args.out_stride, rows, last);
  }

  static void CopyColumns(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                          int64_t count) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < count; ++i) to[r * to_stride + i] = from[r * from_stride + i];
    }
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AMX_BF16_PANELS_H_
