#include "kernels/cpu/probe/cpu_identity.h"

#include <cstring>
#include <map>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace foregate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

uint32_t Word(const char* four) {
  uint32_t word = 0;
  std::memcpy(&word, four, sizeof(word));
  return word;
}

// A processor as a table of answers; what it does not list is zero.
class FakeCpu {
 public:
  FakeCpu& Vendor(const char* vendor, uint32_t max_leaf) {
    leaves_[{0, 0}] = {max_leaf, Word(vendor), Word(vendor + 8), Word(vendor + 4)};
    return *this;
  }
  CpuidRegisters& Leaf(uint32_t leaf, uint32_t subleaf = 0) { return leaves_[{leaf, subleaf}]; }
  CpuIdentity Decode(uint64_t xcr0) const {
    return DecodeCpuid(
        [this](uint32_t leaf, uint32_t subleaf) {
          const auto found = leaves_.find({leaf, subleaf});
          return found == leaves_.end() ? CpuidRegisters{} : found->second;
        },
        xcr0);
  }

 private:
  std::map<std::pair<uint32_t, uint32_t>, CpuidRegisters> leaves_;
};

constexpr uint32_t kFmaAndF16c = 1u << 12 | 1u << 29;
constexpr uint32_t kAvx2 = 1u << 5;
constexpr uint32_t kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
constexpr uint64_t kYmmSaved = 0x7, kZmmSaved = 0xe7, kTilesSaved = 0x600e7;

FakeCpu SapphireRapids() {
  FakeCpu cpu;
  cpu.Vendor("GenuineIntel", 0x20);
  cpu.Leaf(1) = {0x000806f8, 0, kFmaAndF16c, 0};
  cpu.Leaf(7) = {2, kAvx2 | kAvx512, 1u << 11, 1u << 22 | 1u << 24 | 1u << 25};
  cpu.Leaf(7, 1) = {1u << 4 | 1u << 5, 0, 0, 0};
  return cpu;
}

TEST(CpuIdentity, DecodesAnIntelServer) {
  const CpuIdentity cpu = SapphireRapids().Decode(kTilesSaved);
  EXPECT_EQ(cpu.vendor, "GenuineIntel");
  EXPECT_EQ(cpu.family, 6);
  EXPECT_EQ(cpu.model, 0x8f);
  EXPECT_EQ(cpu.stepping, 8);
  EXPECT_THAT(FlagNames(cpu),
              ElementsAre("avx2_fma", "avx512", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"));
}

TEST(CpuIdentity, InstructionsWhoseRegistersAreNotSavedAreNotThere) {
  EXPECT_THAT(FlagNames(SapphireRapids().Decode(kZmmSaved)),
              ElementsAre("avx2_fma", "avx512", "avx_vnni", "avx512_vnni", "avx512_bf16"));
  EXPECT_THAT(FlagNames(SapphireRapids().Decode(kYmmSaved)), ElementsAre("avx2_fma", "avx_vnni"));
  EXPECT_THAT(FlagNames(SapphireRapids().Decode(0)), IsEmpty());
}

TEST(CpuIdentity, DecodesAnAmdServerWithItsExtendedFamily) {
  FakeCpu fake;
  fake.Vendor("AuthenticAMD", 0x10);
  fake.Leaf(1) = {0x00a00f11, 0, kFmaAndF16c, 0};
  fake.Leaf(7) = {0, kAvx2, 1u << 11, 0};
  fake.Leaf(7, 1) = {1u << 4, 0, 0, 0};  // not to be read: leaf 7 has no subleaf 1
  fake.Leaf(0x80000000) = {0x80000008, 0, 0, 0};
  fake.Leaf(0x80000002) = {Word("  AM"), Word("D EP"), Word("YC 7"), Word("B13 ")};
  fake.Leaf(0x80000003) = {Word(" \0\0\0"), 0, 0, 0};
  const CpuIdentity cpu = fake.Decode(kYmmSaved);
  EXPECT_EQ(cpu.vendor, "AuthenticAMD");
  EXPECT_EQ(cpu.brand, "AMD EPYC 7B13");
  EXPECT_EQ(cpu.family, 25);
  EXPECT_EQ(cpu.model, 1);
  EXPECT_THAT(FlagNames(cpu), ElementsAre("avx2_fma"));
}

TEST(CpuIdentity, AProcessorWithoutTheLeavesHasNothing) {
  FakeCpu fake;
  fake.Vendor("GenuineIntel", 1);
  fake.Leaf(1) = {0x6f6, 0, 0, 0};
  fake.Leaf(7) = {0, kAvx2 | kAvx512, 0, 0};  // answers of a leaf above the highest mean nothing
  const CpuIdentity cpu = fake.Decode(kTilesSaved);
  EXPECT_EQ(cpu.brand, "");
  EXPECT_EQ(cpu.model, 15);
  EXPECT_THAT(FlagNames(cpu), IsEmpty());
}

TEST(CpuIdentity, AgreesWithTheCompilersDetection) {
  const CpuIdentity cpu = ThisCpu();
  EXPECT_EQ(cpu.vendor.size(), 12u);
  EXPECT_EQ(cpu.avx2_fma, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(cpu.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ(cpu.avx512_vnni, cpu.avx512 && __builtin_cpu_supports("avx512vnni"));
}

}  // namespace
}  // namespace foregate
