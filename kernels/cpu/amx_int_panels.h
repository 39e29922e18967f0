// Products with quantized panels by AMX: "int.group.v1" (kernels/weights/quantize.h), so the bits of every other path:
// the integer sums are exact. Many rows go through tiles, few rows through int_panel_kernels.h. The including file
// provides the intrinsics: AVX-512 F, BW, DQ and VL, AMX TILE and INT8.
//
// A tile of weights is 64 inputs (32 in groups of 32): bytes lie as tiles in the panel, nibbles are unpacked, a segment
// of a pair of panels at a time (16 KB, which stay in the L1), and rows are copied into tiles that rest in the L2.
// After each group the tiles' sums are converted and added to the outputs, which rest in `out` between segments.
#ifndef FOREGATE_KERNELS_CPU_AMX_INT_PANELS_H_
#define FOREGATE_KERNELS_CPU_AMX_INT_PANELS_H_

#include <cstdint>

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/avx512_ints.h"
#include "kernels/cpu/avx512_vector.h"
#include "kernels/cpu/first_lanes.h"
#include "kernels/cpu/int_panel_kernels.h"
#include "kernels/cpu/panel_args.h"

namespace foregate::internal {
namespace {

// V: the vector type whose kernels serve few rows.
template <typename V, bool kIsInt4>
class AmxIntPanels {
 public:
  static void Run(const IntPanels& args) {
    if (args.num_rows <= 0 || args.num_outputs <= 0) return;
    const bool fits = 0 < args.k_end && args.k_end <= kMaxInputs && (!kIsInt4 || args.group <= kSegmentInputs);
    if (args.num_rows <= kFewRows || !fits) return IntPanelKernels<V>::template Run<kIsInt4>(args);
    if (args.group < args.k_end && args.group % 64 != 0) {
      RunTiles<32>(args);
    } else {
      RunTiles<64>(args);
    }
  }

 private:
  static constexpr int64_t kFewRows = 4;
  static constexpr int64_t kOutputs = 16;
  static constexpr int64_t kMaxRows = 128;
  static constexpr int64_t kMaxInputs = 32768;
  static constexpr int64_t kPackedBytes = 512 << 10;
  static constexpr int64_t kSegmentInputs = 512;  // of nibbles; a multiple of their groups
  static constexpr int32_t kZeroPoint = kIsInt4 ? Avx512Int4::kZeroPoint : Avx512Int8::kZeroPoint;

  static int64_t RowOf(const IntPanels& args, int64_t r) { return args.x_rows == nullptr ? r : args.x_rows[r]; }
  static int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

  // Rows [first, first + rows), packed: [row tiles][depths][16][kDepth].
  struct Rows {
    const IntPanels& args;
    int64_t first;
    int64_t count;
    const char* packed;
    int64_t num_depths;
    template <int kDepth>
    int64_t TileBytes() const {
      return num_depths * kTileRows * kDepth;
    }
  };

  // Weights of inputs [k, end) of a pair of panels as tiles; only the last depth may be partly padding.
  struct Segment {
    int64_t k;
    int64_t end;
    const char* tiles[2];
    const char* tail[2];  // of the last depth, where it is not whole in `tiles`
  };
  struct alignas(64) Buffer {
    char tiles[2][kIsInt4 ? kSegmentInputs * kOutputs : kTileBytes];
  };

  template <int kDepth>
  static void RunTiles(const IntPanels& args) {
    alignas(64) char packed[kPackedBytes];
    TileSession session(kDepth);
    const int64_t num_depths = (args.k_end + kDepth - 1) / kDepth;
    const int64_t most = num_depths == 0 ? kMaxRows : kPackedBytes / (num_depths * kDepth) / kTileRows * kTileRows;
    const int64_t block_rows = Smaller(kMaxRows, most);
    const int64_t num_blocks = (args.num_rows + block_rows - 1) / block_rows;
    for (int64_t i = 0; i < num_blocks; ++i) {
      const int64_t begin = args.num_rows * i / num_blocks;
      const Rows rows = {args, begin, args.num_rows * (i + 1) / num_blocks - begin, packed, num_depths};
      PackRows<kDepth>(rows, packed);
      for (int64_t n = 0; n < args.num_outputs; n += 2 * kOutputs) RunPanels<kDepth>(rows, n, session);
    }
  }

  template <int kDepth>
  static void PackRows(const Rows& rows, char* packed) {
    Barrier();
    const int64_t k_end = rows.args.k_end;
    for (int64_t r = 0; r < rows.count; ++r) {
      const int8_t* x = rows.args.x.values + RowOf(rows.args, rows.first + r) * rows.args.x.stride;
      char* to = packed + r / kTileRows * rows.template TileBytes<kDepth>() + r % kTileRows * kDepth;
      int64_t k = 0;
      for (; k + kDepth <= k_end; k += kDepth, to += kTileRows * kDepth) __builtin_memcpy(to, x + k, kDepth);
      if (k == k_end) continue;
      __builtin_memset(to, 0, kDepth);
      __builtin_memcpy(to, x + k, static_cast<size_t>(k_end - k));
    }
    Barrier();
  }

  // All rows times one or two panels from output n on.
  template <int kDepth>
  static void RunPanels(const Rows& rows, int64_t n, TileSession& session) {
    const IntPanels& args = rows.args;
    const auto stride = static_cast<int64_t>(args.panel_stride);
    const char* panels = static_cast<const char*>(args.panels) + n / kOutputs * stride;
    const int64_t num_panels = args.num_outputs - n > kOutputs ? 2 : 1;
    const int64_t step = kIsInt4 ? kSegmentInputs : args.k_end;
    Buffer buffer;
    int64_t k = 0;
    do {
      Segment segment;
      segment.k = k;
      segment.end = Smaller(args.k_end, k + step);
      for (int64_t p = 0; p < num_panels; ++p) MakeTiles<kDepth>(panels + p * stride, p, segment, buffer.tiles[p]);
      if (num_panels == 1) segment.tiles[1] = segment.tail[1] = segment.tiles[0];
      for (int64_t r = 0; r < rows.count; r += 2 * kTileRows) {
        const int64_t count = Smaller(rows.count - r, 2 * kTileRows);
        session.Configure(Smaller(count, kTileRows), count > kTileRows ? count - kTileRows : kTileRows);
        WithTileBlock(count > kTileRows ? 2 : 1, num_panels, [&](auto row_tiles, auto num) {
          RunBlock<kDepth, decltype(row_tiles)::value, decltype(num)::value>(rows, r, count, n, panels, segment);
        });
      }
      k = segment.end;
    } while (k < args.k_end);
  }

  template <int kDepth>
  static void MakeTiles(const char* panel, int64_t p, Segment& segment, char* buffer) {
    Barrier();
    if constexpr (kIsInt4) {
      Unpack<kDepth>(panel, segment, buffer);
      segment.tiles[p] = buffer;
      segment.tail[p] = nullptr;
    } else {
      // The whole depths are tiles in the panel; what stands behind the last quad is not weights.
      segment.tiles[p] = panel;
      const int64_t whole = segment.end / kDepth * kDepth;
      const int64_t quads = (segment.end - whole + 3) / 4;
      segment.tail[p] = quads == 0 ? nullptr : buffer;
      __builtin_memset(buffer, 0, kTileBytes);
      __builtin_memcpy(buffer, panel + whole * kOutputs, static_cast<size_t>(quads * kTileLine));
    }
    Barrier();
  }

  // Nibbles of the segment's units (8 inputs) as two lines of quads each, zeros up to a whole depth.
  template <int kDepth>
  static void Unpack(const char* panel, const Segment& segment, char* to) {
    const auto* unit = reinterpret_cast<const uint8_t*>(panel) + segment.k / 8 * kTileLine;
    const int64_t num_units = (segment.end - segment.k + 7) / 8;
    for (int64_t u = 0; u < num_units; ++u, unit += kTileLine, to += 2 * kTileLine) {
      const Avx512Int4::Weights weights = Avx512Int4::Unpack(unit, 0);
      _mm512_storeu_si512(to, weights.low);
      _mm512_storeu_si512(to + kTileLine, weights.high);
    }
    for (int64_t u = num_units; u % (kDepth / 8) != 0; ++u, to += 2 * kTileLine) {
      __builtin_memset(to, 0, 2 * kTileLine);
    }
  }

  // Rows [r, r + count) of the block times R x P tiles.
  template <int kDepth, int R, int P>
  static void RunBlock(const Rows& rows, int64_t r, int64_t count, int64_t n, const char* panels,
                       const Segment& segment) {
    using Block = TileBlock<R, P>;
    const IntPanels& args = rows.args;
    alignas(64) int32_t sums[P][R * kTileRows * kOutputs];
    char* const sum_tiles[2] = {reinterpret_cast<char*>(sums[0]), reinterpret_cast<char*>(sums[P - 1])};
    const int64_t sum_lines[2] = {kTileLine, kTileLine};
    const int64_t tile_bytes = rows.template TileBytes<kDepth>();
    const char* x = rows.packed + r / kTileRows * tile_bytes + segment.k / kDepth * (kTileRows * kDepth);
    for (int64_t k = segment.k; k < segment.end; k += args.group) {
      const int64_t end = Smaller(segment.end, k + args.group);
      Block::Zero();
      int64_t i = k;
      for (; i < end; i += kDepth, x += kTileRows * kDepth) {
        Block::LoadRows(x, tile_bytes, kDepth);
        const int64_t from = (i - segment.k) * kOutputs;
        const bool tail = !kIsInt4 && i + kDepth > end;
        Block::LoadWeights(tail ? segment.tail[0] : segment.tiles[0] + from,
                           tail ? segment.tail[P - 1] : segment.tiles[P - 1] + from);
        Block::MultiplyBytes();
      }
      Block::StoreSums(sum_tiles, sum_lines);
      for (int p = 0; p < P; ++p) {
        AddGroup(rows, r, count, n + p * kOutputs, panels + p * static_cast<int64_t>(args.panel_stride), k, sums[p]);
      }
      Barrier();
    }
  }

  // out = fma(float(sum), scale_x * scale_w, out) for the group that starts at input k.
  static void AddGroup(const Rows& rows, int64_t r, int64_t count, int64_t n, const char* panel, int64_t k,
                       const int32_t* sums) {
    const IntPanels& args = rows.args;
    const int64_t g = k / args.group;
    const char* scales = panel + args.scales_offset;
    const auto weight_scale = args.has_f32_scales
                                  ? Avx512Vector::Load(reinterpret_cast<const float*>(scales) + g * kOutputs)
                                  : Avx512Vector::Load(reinterpret_cast<const F16*>(scales) + g * kOutputs);
    const int64_t num_outputs = Smaller(args.num_outputs - n, kOutputs);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = RowOf(args, rows.first + r + i) * args.x.num_groups + g;
      const auto zero_point = Avx512Ints::Set(kZeroPoint * args.x.sums[at]);
      const auto total = _mm512_sub_epi32(_mm512_loadu_si512(sums + i * kOutputs), zero_point);
      const auto scale = Avx512Vector::Mul(Avx512Vector::Set(args.x.scales[at]), weight_scale);
      float* out = args.out + (rows.first + r + i) * args.out_stride + n;
      const auto before = k == 0 ? Avx512Vector::Set(0.0f) : LoadFirst(out, num_outputs);
      FirstLanes<Avx512Vector>::Store(Avx512Vector::Fma(Avx512Ints::ToFloats(total), scale, before), out, num_outputs);
    }
  }

  static Avx512Vector::Part LoadFirst(const float* from, int64_t count) {
    if (count == kOutputs) return Avx512Vector::Load(from);
    float lanes[kOutputs] = {};
    for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
    return Avx512Vector::Load(lanes);
  }
};

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AMX_INT_PANELS_H_
