// The loops that the probe times, one file per instruction set. Plain C declarations only: files compiled for wide
// instruction sets include this header.
//
// Each dot loop runs `rounds` times a fixed number of instructions on registers alone, with enough independent sums to
// hide their latency, and returns something that depends on all of them, so that no compiler drops any. The constants
// say how many operations one round is, a multiply and an add counted as two. Legal to call only where the processor
// has the instructions.
#ifndef FOREGATE_KERNELS_CPU_PROBE_PROBE_LOOPS_H_
#define FOREGATE_KERNELS_CPU_PROBE_PROBE_LOOPS_H_

#include <cstdint>

namespace foregate::internal {

// Reads `bytes` (a multiple of kReadUnitBytes) in four streams, the widest loads there are.
inline constexpr int64_t kReadUnitBytes = 1024;
uint64_t ReadPortable(const void* data, int64_t bytes);
uint64_t ReadAvx2(const void* data, int64_t bytes);
uint64_t ReadAvx512(const void* data, int64_t bytes);

inline constexpr int64_t kDotsPerRound = 48;
// Operations of one instruction, of 32-byte registers; twice that in 64-byte registers.
inline constexpr int64_t kF32Ops = 2 * 8, kI16Ops = 2 * 16, kI8Ops = 2 * 32, kBf16Ops = 2 * 16;

// Multiply, then add, in whatever registers the base instruction set has: 4 lanes.
inline constexpr int64_t kPortableOps = 2 * 4;
uint64_t DotPortableF32(int64_t rounds);

uint64_t DotAvx2Fma(int64_t rounds);
uint64_t DotAvx2Maddwd(int64_t rounds);     // vpmaddwd, vpaddd
uint64_t DotAvx2Maddubs16(int64_t rounds);  // vpmaddubsw, vpaddw: sums stay in 16 bits
uint64_t DotAvx2Maddubs32(int64_t rounds);  // vpmaddubsw, vpmaddwd by ones, vpaddd: sums in 32 bits
uint64_t DotAvxVnni(int64_t rounds);        // vpdpbusd in 32-byte registers
uint64_t DotAvx512Fma(int64_t rounds);
uint64_t DotAvx512Maddwd(int64_t rounds);
uint64_t DotAvx512Maddubs16(int64_t rounds);
uint64_t DotAvx512Maddubs32(int64_t rounds);
uint64_t DotAvx512Vnni(int64_t rounds);  // vpdpbusd
uint64_t DotAvx512Bf16(int64_t rounds);  // vdpbf16ps

// Tiles of 16 rows of 64 bytes: 16 x 16 sums over 32 bf16 or 64 bytes.
inline constexpr int64_t kTileBf16Ops = 2 * 16 * 16 * 32, kTileI8Ops = 2 * 16 * 16 * 64;
uint64_t DotAmxBf16(int64_t rounds);
uint64_t DotAmxInt8(int64_t rounds);
// Linux saves tile registers only for processes that asked. False when it refuses.
bool RequestTiles();

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PROBE_PROBE_LOOPS_H_
