// The eight AMX tiles as both kinds of products use them: blocks of up to 2 x 16 rows times up to 2 panels. The
// including file provides the intrinsics.
//
// Tile 0 + 2 * i + p holds the sums of row tile i and panel p, 4 + i the rows, 6 + p the weights: panel16.v1 is the
// layout of a weight tile already, 64 bytes for each pair or quad of inputs.
//
// The intrinsics of g++ 12 do not say what memory they read, so a Barrier() stands between what is written for tiles
// and the tiles' loads, and again before it is overwritten.
#ifndef FOREGATE_KERNELS_CPU_AMX_TILES_H_
#define FOREGATE_KERNELS_CPU_AMX_TILES_H_

#include <cstdint>

namespace foregate::internal {
namespace {

inline constexpr int64_t kTileRows = 16;
inline constexpr int64_t kTileBytes = 1024;
inline constexpr int64_t kTileLine = 64;  // bytes of a full row

inline void Barrier() { __asm__ volatile("" ::: "memory"); }

// Of this thread, from construction to destruction: a thread without configured tiles has none for the system to save.
class TileSession {
 public:
  // `depth_bytes`: of inputs in a row's tile, 64 or 32; a weight tile has a fourth as many rows.
  explicit TileSession(int64_t depth_bytes) : depth_bytes_(depth_bytes) {}
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;
  ~TileSession() {
    Barrier();
    _tile_release();
  }

  // Row tiles of `rows0` and `rows1` rows, each 1 to 16: a product takes time for the rows there are. The tiles'
  // contents are lost.
  void Configure(int64_t rows0, int64_t rows1) {
    if (rows0 == rows0_ && rows1 == rows1_) return;
    rows0_ = rows0;
    rows1_ = rows1;
    Config config = {};
    config.palette = 1;
    for (int p = 0; p < 2; ++p) {
      config.Set(p, rows0, kTileLine);
      config.Set(2 + p, rows1, kTileLine);
      config.Set(6 + p, depth_bytes_ / 4, kTileLine);
    }
    config.Set(4, rows0, depth_bytes_);
    config.Set(5, rows1, depth_bytes_);
    // The intrinsic says that it reads 8 of these 64 bytes.
    __asm__ volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
    Barrier();
  }

 private:
  struct alignas(64) Config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];

    void Set(int tile, int64_t num_rows, int64_t bytes) {
      rows[tile] = static_cast<uint8_t>(num_rows);
      row_bytes[tile] = static_cast<uint16_t>(bytes);
    }
  };
  static_assert(sizeof(Config) == 64);

  const int64_t depth_bytes_;
  int64_t rows0_ = 0;
  int64_t rows1_ = 0;
};

// Sums of R row tiles times P panels, and their movements. Tile numbers are constants of the instructions.
template <int R, int P>
struct TileBlock {
  [[gnu::always_inline]] static void Zero() {
    _tile_zero(0);
    if constexpr (P > 1) _tile_zero(1);
    if constexpr (R > 1) _tile_zero(2);
    if constexpr (R > 1 && P > 1) _tile_zero(3);
  }
  // Row tiles are `row_tile` bytes apart, a row's bytes `line` apart.
  [[gnu::always_inline]] static void LoadRows(const char* rows, int64_t row_tile, int64_t line) {
    _tile_loadd(4, rows, line);
    if constexpr (R > 1) _tile_loadd(5, rows + row_tile, line);
  }
  [[gnu::always_inline]] static void LoadWeights(const char* first, const char* second) {
    _tile_loadd(6, first, kTileLine);
    if constexpr (P > 1) _tile_loadd(7, second, kTileLine);
  }
  // sums[p] + i * row_tile bytes is where row tile i of panel p starts; lines[p] bytes from row to row.
  [[gnu::always_inline]] static void LoadSums(char* const (&sums)[2], const int64_t (&lines)[2]) {
    _tile_loadd(0, sums[0], lines[0]);
    if constexpr (P > 1) _tile_loadd(1, sums[1], lines[1]);
    if constexpr (R > 1) _tile_loadd(2, sums[0] + kTileRows * lines[0], lines[0]);
    if constexpr (R > 1 && P > 1) _tile_loadd(3, sums[1] + kTileRows * lines[1], lines[1]);
  }
  [[gnu::always_inline]] static void StoreSums(char* const (&sums)[2], const int64_t (&lines)[2]) {
    _tile_stored(0, sums[0], lines[0]);
    if constexpr (P > 1) _tile_stored(1, sums[1], lines[1]);
    if constexpr (R > 1) _tile_stored(2, sums[0] + kTileRows * lines[0], lines[0]);
    if constexpr (R > 1 && P > 1) _tile_stored(3, sums[1] + kTileRows * lines[1], lines[1]);
  }
  [[gnu::always_inline]] static void MultiplyBf16() {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (P > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (R > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (R > 1 && P > 1) _tile_dpbf16ps(3, 5, 7);
  }
  // Signed rows times unsigned weights.
  [[gnu::always_inline]] static void MultiplyBytes() {
    _tile_dpbsud(0, 4, 6);
    if constexpr (P > 1) _tile_dpbsud(1, 4, 7);
    if constexpr (R > 1) _tile_dpbsud(2, 5, 6);
    if constexpr (R > 1 && P > 1) _tile_dpbsud(3, 5, 7);
  }
};

// Calls body(R, P) with the smallest block that has `row_tiles` and `panels`, each 1 or 2, as integral constants.
template <int kValue>
struct TileCount {
  static constexpr int value = kValue;
};
template <typename Body>
[[gnu::always_inline]] inline void WithTileBlock(int64_t row_tiles, int64_t panels, const Body& body) {
  if (row_tiles > 1) {
    return panels > 1 ? body(TileCount<2>(), TileCount<2>()) : body(TileCount<2>(), TileCount<1>());
  }
  return panels > 1 ? body(TileCount<1>(), TileCount<2>()) : body(TileCount<1>(), TileCount<1>());
}

}  // namespace
}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_AMX_TILES_H_
