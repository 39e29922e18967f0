// The probe's loops for AMX tiles.
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/cpu/probe/probe_loops.h"

namespace foregate::internal {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

// Tiles 0 to 3 are sums, 4 and 5 left operands, 6 and 7 right ones: the 2 x 2 block of a matrix product. Four sums of
// latency 52 cycles keep a unit busy that takes a product every 16.
void LoadTiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = 16;
  }
  // g++ 12 believes that the instruction reads 8 of these 64 bytes and would drop the other stores.
  __asm__ volatile("" ::"r"(&config) : "memory");
  _tile_loadconfig(&config);
  alignas(64) uint16_t ones[16 * 32];
  for (uint16_t& one : ones) one = 0x3f80;  // 1.0 as bf16
  __asm__ volatile("" ::"r"(ones) : "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, ones, 64);
  _tile_loadd(5, ones, 64);
  _tile_loadd(6, ones, 64);
  _tile_loadd(7, ones, 64);
}

uint64_t StoreTiles() {
  alignas(64) uint32_t sums[4][16 * 16];
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  _tile_stored(3, sums[3], 64);
  __asm__ volatile("" ::"r"(sums) : "memory");
  _tile_release();
  return uint64_t{sums[0][0]} + sums[1][1] + sums[2][2] + sums[3][3];
}

constexpr int64_t kBlocksPerRound = kDotsPerRound / 4;

}  // namespace

uint64_t DotAmxBf16(int64_t rounds) {
  LoadTiles();
  for (int64_t i = 0; i < rounds * kBlocksPerRound; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  return StoreTiles();
}

uint64_t DotAmxInt8(int64_t rounds) {
  LoadTiles();
  for (int64_t i = 0; i < rounds * kBlocksPerRound; ++i) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  return StoreTiles();
}

bool RequestTiles() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace foregate::internal
