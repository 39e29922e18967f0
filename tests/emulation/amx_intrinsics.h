// The intrinsics of AVX-512 BF16 and of AMX that kernels/cpu uses, in plain C++ after Intel's description of each
// instruction, beside those of avx512_intrinsics.h. Slow; for tests only.
#ifndef FOREGATE_TESTS_EMULATION_AMX_INTRINSICS_H_
#define FOREGATE_TESTS_EMULATION_AMX_INTRINSICS_H_

#include "kernels/base/bf16_arithmetic.h"
#include "tests/emulation/avx512_intrinsics.h"

// As in avx512_intrinsics.h.
#pragma GCC push_options
#pragma GCC optimize("O2")

#include <cstdio>
#include <cstdlib>

namespace foregate::internal {
namespace {

// --- AVX-512 BF16

struct __m512bh {
  std::array<uint16_t, 32> word;
};

struct __m256bh {
  std::array<uint16_t, 16> word;
};

[[gnu::noinline]] __m256bh _mm512_cvtneps_pbh(const __m512& a) {
  __m256bh result;
  for (size_t i = 0; i < 16; ++i) result.word[i] = F32ToBf16(FlushSubnormal(a.lane[i]));
  return result;
}
// MXCSR is not looked at.
[[gnu::noinline]] __m512 _mm512_dpbf16_ps(const __m512& sum, const __m512bh& a, const __m512bh& b) {
  return Emulate([&](size_t i) {
    const auto product = [&](size_t j, float to) { return FlushedFma(Bf16ToF32(a.word[j]), Bf16ToF32(b.word[j]), to); };
    return product(2 * i, product(2 * i + 1, sum.lane[i]));
  });
}

// --- AMX: what a processor would stop a program for stops the test

struct TileState {
  bool configured = false;
  std::array<size_t, 8> rows;
  std::array<size_t, 8> row_bytes;
  using Row = std::array<uint8_t, 64>;
  std::array<std::array<Row, 16>, 8> tiles;
};
thread_local TileState tile_state;

inline void RequireTiles(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "emulated AMX: %s\n", what);
  std::abort();
}

inline void RequireTile(int tile) {
  RequireTiles(tile_state.configured, "no tiles are configured");
  RequireTiles(tile_state.rows[static_cast<size_t>(tile)] > 0, "a tile without rows");
}

[[gnu::noinline]] void _tile_loadconfig(const void* config) {
  std::array<uint8_t, 64> bytes;
  std::memcpy(&bytes, config, sizeof bytes);
  RequireTiles(bytes[0] == 1 && bytes[1] == 0, "palette 1 from row 0 on");
  for (size_t i = 2; i < 16; ++i) RequireTiles(bytes[i] == 0, "reserved bytes are zero");
  for (size_t i = 32; i < 48; ++i) RequireTiles(bytes[i] == 0, "there are 8 tiles");
  tile_state.configured = true;
  for (size_t i = 0; i < 8; ++i) {
    tile_state.rows[i] = bytes[48 + i];
    tile_state.row_bytes[i] = bytes[16 + 2 * i] + size_t{256} * bytes[17 + 2 * i];
    RequireTiles(tile_state.rows[i] <= 16 && tile_state.row_bytes[i] <= 64, "a tile of 16 rows of 64 bytes at most");
    RequireTiles((tile_state.rows[i] == 0) == (tile_state.row_bytes[i] == 0), "rows and bytes, or none");
    tile_state.tiles[i] = {};
  }
}
[[gnu::noinline]] void _tile_release() { tile_state.configured = false; }
[[gnu::noinline]] void _tile_zero(int tile) {
  RequireTile(tile);
  tile_state.tiles[static_cast<size_t>(tile)] = {};
}
[[gnu::noinline]] void _tile_loadd(int tile, const void* from, long stride) {
  RequireTile(tile);
  const auto t = static_cast<size_t>(tile);
  tile_state.tiles[t] = {};
  for (size_t r = 0; r < tile_state.rows[t]; ++r) {
    std::memcpy(tile_state.tiles[t][r].data(), static_cast<const char*>(from) + static_cast<long>(r) * stride,
                tile_state.row_bytes[t]);
  }
}
[[gnu::noinline]] void _tile_stored(int tile, void* to, long stride) {
  RequireTile(tile);
  const auto t = static_cast<size_t>(tile);
  for (size_t r = 0; r < tile_state.rows[t]; ++r) {
    std::memcpy(static_cast<char*>(to) + static_cast<long>(r) * stride, tile_state.tiles[t][r].data(),
                tile_state.row_bytes[t]);
  }
}

template <typename T>
T ElementOf(const TileState::Row& row, size_t i) {
  T element;
  std::memcpy(&element, row.data() + i * sizeof(T), sizeof(T));
  return element;
}

// element(row of a, k, row k of b, n, sum) for ascending k is what the sums of [m][n] become.
template <typename Sum, typename Element>
[[gnu::noinline]] void MultiplyTiles(int sum_tile, int a_tile, int b_tile, Element element) {
  RequireTile(sum_tile);
  RequireTile(a_tile);
  RequireTile(b_tile);
  TileState& state = tile_state;
  const auto c = static_cast<size_t>(sum_tile), a = static_cast<size_t>(a_tile), b = static_cast<size_t>(b_tile);
  RequireTiles(state.rows[c] == state.rows[a] && state.row_bytes[c] == state.row_bytes[b] &&
                   state.row_bytes[a] == 4 * state.rows[b],
               "shapes of a product agree");
  for (size_t m = 0; m < state.rows[c]; ++m) {
    for (size_t n = 0; n < state.row_bytes[c] / 4; ++n) {
      const Sum sum = element(m, n, state.rows[b], ElementOf<Sum>(state.tiles[c][m], n));
      std::memcpy(state.tiles[c][m].data() + 4 * n, &sum, sizeof sum);
    }
  }
}

// Even and odd inputs by themselves, then added; MXCSR is not looked at.
[[gnu::noinline]] void _tile_dpbf16ps(int sum_tile, int a, int b) {
  MultiplyTiles<float>(sum_tile, a, b, [=](size_t m, size_t n, size_t depth, float sum) {
    const TileState::Row& row = tile_state.tiles[static_cast<size_t>(a)][m];
    float chains[2] = {};
    for (size_t k = 0; k < depth; ++k) {
      const TileState::Row& pairs = tile_state.tiles[static_cast<size_t>(b)][k];
      for (size_t half = 0; half < 2; ++half) {
        chains[half] = FlushedFma(Bf16ToF32(ElementOf<uint16_t>(row, 2 * k + half)),
                                  Bf16ToF32(ElementOf<uint16_t>(pairs, 2 * n + half)), chains[half]);
      }
    }
    return FlushedAdd(sum, FlushedAdd(chains[0], chains[1]));
  });
}
// Signed a, unsigned b; the sum wraps.
[[gnu::noinline]] void _tile_dpbsud(int sum_tile, int a, int b) {
  MultiplyTiles<uint32_t>(sum_tile, a, b, [=](size_t m, size_t n, size_t depth, uint32_t sum) {
    const TileState::Row& row = tile_state.tiles[static_cast<size_t>(a)][m];
    for (size_t k = 0; k < depth; ++k) {
      const TileState::Row& quads = tile_state.tiles[static_cast<size_t>(b)][k];
      for (size_t j = 0; j < 4; ++j) {
        sum += static_cast<uint32_t>(ElementOf<int8_t>(row, 4 * k + j) * quads[4 * n + j]);
      }
    }
    return sum;
  });
}

}  // namespace
}  // namespace foregate::internal

#pragma GCC pop_options

#endif  // FOREGATE_TESTS_EMULATION_AMX_INTRINSICS_H_
