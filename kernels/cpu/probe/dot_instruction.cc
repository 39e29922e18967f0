#include "kernels/cpu/probe/dot_instruction.h"

#include "kernels/cpu/probe/probe_loops.h"

namespace foregate {
namespace {

using namespace internal;

bool Always(const CpuIdentity& /*cpu*/) { return true; }
bool Avx2(const CpuIdentity& cpu) { return cpu.avx2_fma; }
bool Avx512(const CpuIdentity& cpu) { return cpu.avx512; }
bool AvxVnni(const CpuIdentity& cpu) { return cpu.avx_vnni; }
bool Avx512Vnni(const CpuIdentity& cpu) { return cpu.avx512_vnni; }
bool Avx512Bf16(const CpuIdentity& cpu) { return cpu.avx512_bf16; }
bool AmxBf16(const CpuIdentity& cpu) { return cpu.amx_bf16; }
bool AmxInt8(const CpuIdentity& cpu) { return cpu.amx_int8; }

constexpr int64_t kWide = 2 * kDotsPerRound;  // a 64-byte register does the work of two 32-byte ones

constexpr DotInstruction kInstructions[] = {
    {"mulps+addps xmm", "f32, any x86-64", DotOperands::kF32, false, kPortableOps* kDotsPerRound, Always,
     DotPortableF32},
    {"vfmadd231ps ymm", "f32", DotOperands::kF32, false, kF32Ops* kDotsPerRound, Avx2, DotAvx2Fma},
    {"vfmadd231ps zmm", "f32", DotOperands::kF32, false, kF32Ops* kWide, Avx512, DotAvx512Fma},
    {"vdpbf16ps zmm", "bf16, f32 sums", DotOperands::kBf16, false, kBf16Ops* kWide, Avx512Bf16, DotAvx512Bf16},
    {"tdpbf16ps", "bf16 tiles, f32 sums", DotOperands::kBf16, false, kTileBf16Ops* kDotsPerRound, AmxBf16, DotAmxBf16},
    {"vpmaddwd ymm", "int16, + vpaddd", DotOperands::kInt16, false, kI16Ops* kDotsPerRound, Avx2, DotAvx2Maddwd},
    {"vpmaddwd zmm", "int16, + vpaddd", DotOperands::kInt16, false, kI16Ops* kWide, Avx512, DotAvx512Maddwd},
    {"vpmaddubsw ymm, short", "bytes, + vpaddw: 16-bit sums", DotOperands::kInt8, true, kI8Ops* kDotsPerRound, Avx2,
     DotAvx2Maddubs16},
    {"vpmaddubsw zmm, short", "bytes, + vpaddw: 16-bit sums", DotOperands::kInt8, true, kI8Ops* kWide, Avx512,
     DotAvx512Maddubs16},
    {"vpmaddubsw ymm", "bytes, + vpmaddwd + vpaddd", DotOperands::kInt8, false, kI8Ops* kDotsPerRound, Avx2,
     DotAvx2Maddubs32},
    {"vpmaddubsw zmm", "bytes, + vpmaddwd + vpaddd", DotOperands::kInt8, false, kI8Ops* kWide, Avx512,
     DotAvx512Maddubs32},
    {"vpdpbusd ymm", "bytes, 32-bit sums", DotOperands::kInt8, false, kI8Ops* kDotsPerRound, AvxVnni, DotAvxVnni},
    {"vpdpbusd zmm", "bytes, 32-bit sums", DotOperands::kInt8, false, kI8Ops* kWide, Avx512Vnni, DotAvx512Vnni},
    {"tdpbusd", "byte tiles, 32-bit sums", DotOperands::kInt8, false, kTileI8Ops* kDotsPerRound, AmxInt8, DotAmxInt8},
};

}  // namespace

std::span<const DotInstruction> DotInstructions() { return kInstructions; }

bool UsableHere(const DotInstruction& instruction, const CpuIdentity& cpu) {
  if (!instruction.is_present(cpu)) return false;
  const bool tiles = instruction.is_present == AmxBf16 || instruction.is_present == AmxInt8;
  return !tiles || RequestTiles();
}

bool TilesAllowed() { return RequestTiles(); }

ReadLoopFunction WidestRead(const CpuIdentity& cpu) {
  static_assert(kReadUnit == kReadUnitBytes);
  if (cpu.avx512) return ReadAvx512;
  return cpu.avx2_fma ? ReadAvx2 : ReadPortable;
}

}  // namespace foregate
