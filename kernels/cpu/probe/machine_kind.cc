#include "kernels/cpu/probe/machine_kind.h"

namespace foregate {
namespace {

struct Figure {
  MachineKind kind;
  std::string_view name;
  double one_thread;
  double two_threads;
};

constexpr double kGiga = 1e9, kTera = 1e12;
// Virtual machines of 2 cores, quiet; the best of several windows.
constexpr Figure kFigures[] = {
    {MachineKind::kIntelAmx, kMemoryRead, 16.4 * kGiga, 32.2 * kGiga},
    {MachineKind::kIntelAmx, "vfmadd231ps zmm", 0.213 * kTera, 0.424 * kTera},
    {MachineKind::kIntelAmx, "vdpbf16ps zmm", 0.106 * kTera, 0.203 * kTera},
    {MachineKind::kIntelAmx, "vpdpbusd zmm", 0.85 * kTera, 1.71 * kTera},
    {MachineKind::kIntelAmx, "tdpbf16ps", 3.10 * kTera, 6.09 * kTera},
    {MachineKind::kIntelAmx, "tdpbusd", 6.16 * kTera, 12.36 * kTera},
    {MachineKind::kAmdZen5, kMemoryRead, 39 * kGiga, 66 * kGiga},
    {MachineKind::kAmdZen5, "vfmadd231ps zmm", 0.243 * kTera, 0.482 * kTera},
    {MachineKind::kAmdZen5, "vdpbf16ps zmm", 0.446 * kTera, 0.887 * kTera},
    {MachineKind::kAmdZen5, "vpdpbusd zmm", 0.985 * kTera, 1.94 * kTera},
    {MachineKind::kAmdZen3, kMemoryRead, 22.5 * kGiga, 42.5 * kGiga},
    {MachineKind::kAmdZen3, "vfmadd231ps ymm", 0.1005 * kTera, 0.200 * kTera},
    {MachineKind::kAmdZen3, "vpmaddubsw ymm", 0.195 * kTera, 0.386 * kTera},
};

bool IsZen3(int model) {
  // Family 25 is Zen 3 and Zen 4 in turns: 0x00 to 0x0f Milan, 0x20 to 0x5f desktops and mobiles; 0x10 to 0x1f,
  // 0x60 to 0x7f and 0xa0 to 0xaf are Zen 4.
  return model <= 0x0f || (model >= 0x20 && model <= 0x5f);
}

}  // namespace

const char* MachineKindName(MachineKind kind) {
  switch (kind) {
    case MachineKind::kIntelAmx:
      return "Intel with AMX";
    case MachineKind::kAmdZen5:
      return "AMD Zen 5";
    case MachineKind::kAmdZen3:
      return "AMD Zen 3";
    case MachineKind::kUnknown:
      break;
  }
  return "unknown";
}

MachineKind KindOf(const CpuIdentity& cpu) {
  if (cpu.vendor == "GenuineIntel" && cpu.amx_bf16 && cpu.amx_int8) return MachineKind::kIntelAmx;
  if (cpu.vendor != "AuthenticAMD") return MachineKind::kUnknown;
  if (cpu.family == 26 && cpu.avx512_bf16 && cpu.avx512_vnni) return MachineKind::kAmdZen5;
  if (cpu.family == 25 && IsZen3(cpu.model) && cpu.avx2_fma) return MachineKind::kAmdZen3;
  return MachineKind::kUnknown;
}

std::optional<double> KnownFigure(MachineKind kind, std::string_view name, int num_threads) {
  for (const Figure& figure : kFigures) {
    if (figure.kind == kind && figure.name == name) return num_threads == 1 ? figure.one_thread : figure.two_threads;
  }
  return std::nullopt;
}

}  // namespace foregate
