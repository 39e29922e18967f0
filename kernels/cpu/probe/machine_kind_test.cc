#include "kernels/cpu/probe/machine_kind.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "kernels/cpu/probe/dot_instruction.h"

namespace foregate {
namespace {

CpuIdentity Amd(int family, int model) {
  CpuIdentity cpu;
  cpu.vendor = "AuthenticAMD";
  cpu.family = family;
  cpu.model = model;
  cpu.avx2_fma = true;
  return cpu;
}

TEST(MachineKind, KnowsTheThreeKinds) {
  EXPECT_EQ(KindOf(Amd(25, 1)), MachineKind::kAmdZen3);
  EXPECT_EQ(KindOf(Amd(25, 0x21)), MachineKind::kAmdZen3);
  CpuIdentity zen5 = Amd(26, 2);
  zen5.avx512 = zen5.avx512_bf16 = zen5.avx512_vnni = true;
  EXPECT_EQ(KindOf(zen5), MachineKind::kAmdZen5);
  CpuIdentity intel;
  intel.vendor = "GenuineIntel";
  intel.family = 6;
  intel.amx_bf16 = intel.amx_int8 = true;
  EXPECT_EQ(KindOf(intel), MachineKind::kIntelAmx);
}

TEST(MachineKind, WhatLacksTheInstructionsIsNotThatKind) {
  EXPECT_EQ(KindOf(Amd(25, 0x11)), MachineKind::kUnknown);  // Zen 4
  EXPECT_EQ(KindOf(Amd(25, 0x61)), MachineKind::kUnknown);  // Zen 4
  EXPECT_EQ(KindOf(Amd(26, 2)), MachineKind::kUnknown);     // a host that hides AVX-512
  CpuIdentity intel;
  intel.vendor = "GenuineIntel";
  intel.avx512_vnni = true;
  EXPECT_EQ(KindOf(intel), MachineKind::kUnknown);
  EXPECT_EQ(KindOf(CpuIdentity{}), MachineKind::kUnknown);
}

TEST(MachineKind, FiguresArePerThreadCount) {
  EXPECT_DOUBLE_EQ(KnownFigure(MachineKind::kIntelAmx, kMemoryRead, 1).value_or(0), 16.4e9);
  EXPECT_DOUBLE_EQ(KnownFigure(MachineKind::kIntelAmx, kMemoryRead, 2).value_or(0), 32.2e9);
  EXPECT_DOUBLE_EQ(KnownFigure(MachineKind::kIntelAmx, kMemoryRead, 64).value_or(0), 32.2e9);
  EXPECT_FALSE(KnownFigure(MachineKind::kUnknown, kMemoryRead, 1).has_value());
  EXPECT_FALSE(KnownFigure(MachineKind::kAmdZen5, "tdpbf16ps", 1).has_value());
}

// A figure under a name that no probe has would never be compared with anything.
TEST(MachineKind, FiguresAreOfInstructionsThatExist) {
  for (const MachineKind kind : {MachineKind::kIntelAmx, MachineKind::kAmdZen5, MachineKind::kAmdZen3}) {
    const auto instructions = DotInstructions();
    EXPECT_TRUE(KnownFigure(kind, kMemoryRead, 2).has_value()) << MachineKindName(kind);
    EXPECT_TRUE(std::any_of(instructions.begin(), instructions.end(), [kind](const DotInstruction& instruction) {
      return KnownFigure(kind, instruction.name, 2).has_value();
    })) << MachineKindName(kind);
  }
}

TEST(MachineKind, AProbeCountsFromNineteenTwentieths) {
  EXPECT_TRUE(ProbeCounts(100.0, 95.0));
  EXPECT_TRUE(ProbeCounts(100.0, 130.0));
  EXPECT_FALSE(ProbeCounts(100.0, 94.9));
  EXPECT_TRUE(ProbeCounts(std::nullopt, 1.0));
}

}  // namespace
}  // namespace foregate
