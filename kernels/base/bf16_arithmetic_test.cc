#include "kernels/base/bf16_arithmetic.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr float kMinNormal = 0x1p-126f;
constexpr float kInfinity = INFINITY;

uint32_t BitsOf(float x) { return std::bit_cast<uint32_t>(x); }

TEST(Bf16Arithmetic, RoundsActivationsToNearestEvenAndDropsSubnormals) {
  EXPECT_EQ(RoundToBf16(1.0f + 0x1p-8f), 1.0f);                // a tie, down to even
  EXPECT_EQ(RoundToBf16(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);  // a tie, up to even
  EXPECT_EQ(RoundToBf16(1.0f + 0x1.02p-8f), 1.0f + 0x1p-7f);
  EXPECT_EQ(RoundToBf16(0x1.ffp+127f), kInfinity);
  EXPECT_EQ(RoundToBf16(kMinNormal), kMinNormal);
  // Rounding first would make these two the smallest normal number.
  EXPECT_EQ(BitsOf(RoundToBf16(kMinNormal - 0x1p-149f)), BitsOf(0.0f));
  EXPECT_EQ(BitsOf(RoundToBf16(-(kMinNormal - 0x1p-149f))), BitsOf(-0.0f));
  EXPECT_TRUE(std::isnan(RoundToBf16(NAN)));
}

TEST(Bf16Arithmetic, FmaRoundsOnceAndFlushes) {
  const float third = 0x1.54p-2f;
  EXPECT_EQ(FlushedFma(third, third, 1.0f), std::fma(third, third, 1.0f));
  EXPECT_EQ(BitsOf(FlushedFma(0x1p-70f, 0x1p-70f, 0.0f)), BitsOf(0.0f));
  EXPECT_EQ(BitsOf(FlushedFma(-0x1p-70f, 0x1p-70f, 0.0f)), BitsOf(-0.0f));
  EXPECT_EQ(BitsOf(FlushedFma(0x1p-130f, 0x1p+30f, 0.0f)), BitsOf(0.0f));  // a subnormal operand
  EXPECT_EQ(FlushedFma(1.0f, 1.0f, 0x1p-130f), 1.0f);
  EXPECT_EQ(FlushedFma(0x1p-63f, 0x1p-63f, 0.0f), kMinNormal);
  EXPECT_TRUE(std::isnan(FlushedFma(kInfinity, 0.0f, 1.0f)));
  EXPECT_EQ(FlushedFma(kInfinity, 1.0f, 1.0f), kInfinity);
}

// The processor's own scalar arithmetic with DAZ and FTZ is what the instructions are described by.
class HardwareFlush {
 public:
  HardwareFlush() {
    __asm__ volatile("stmxcsr %0" : "=m"(saved_));
    Set(saved_ | 0x8040);
  }
  ~HardwareFlush() { Set(saved_); }

 private:
  static void Set(uint32_t mxcsr) { __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr)); }
  uint32_t saved_ = 0;
};

[[gnu::noinline, gnu::target("fma")]] float HardwareFma(float a, float b, float c) {
  const HardwareFlush flush;
  __asm__ volatile("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
  return c;
}
[[gnu::noinline]] float HardwareAdd(float a, float b) {
  const HardwareFlush flush;
  __asm__ volatile("addss %1, %0" : "+x"(a) : "x"(b));
  return a;
}

TEST(Bf16Arithmetic, IsTheProcessorsArithmeticWithDazAndFtz) {
  if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "this machine's CPU lacks FMA";
  uint64_t state = 1;
  const auto next = [&state] { return static_cast<uint32_t>((state = state * 6364136223846793005u + 1) >> 32); };
  // Exponents about the smallest normal number, where flushing decides; one case in four anywhere.
  const auto number = [&](bool is_bf16, uint32_t low, uint32_t high) {
    const uint32_t exponent = next() % 4 == 0 ? next() % 256 : low + next() % (high - low);
    const uint32_t bits = (next() & 0x807fffffu) | exponent << 23;
    return std::bit_cast<float>(is_bf16 ? bits & 0xffff0000u : bits);
  };
  for (int i = 0; i < 300000; ++i) {
    const float a = number(true, 50, 80), b = number(true, 46, 76), c = number(false, 0, 4);
    const float fma = FlushedFma(a, b, c), hardware = HardwareFma(a, b, c);
    ASSERT_TRUE(BitsOf(fma) == BitsOf(hardware) || (std::isnan(fma) && std::isnan(hardware)))
        << a << " * " << b << " + " << c << " is " << fma << ", by the processor " << hardware;
    const float d = number(false, 0, 4), sum = FlushedAdd(c, d), by_hardware = HardwareAdd(c, d);
    ASSERT_TRUE(BitsOf(sum) == BitsOf(by_hardware) || (std::isnan(sum) && std::isnan(by_hardware))) << c << " " << d;
  }
}

TEST(Bf16Arithmetic, FlushesWhatWouldRoundUpToTheSmallestNormalOnlyAsASubnormal) {
  if (!__builtin_cpu_supports("fma")) GTEST_SKIP() << "this machine's CPU lacks FMA";
  // 2^-126 less a little: about 2^-151, what rounds up to it at 24 bits, and 2^-150, what does as a subnormal.
  for (const double less : {0x1p-152, 0x1.fep-152, 0x1p-151, 0x1.02p-151, 0x1.fep-151, 0x1p-150, 0x1.02p-150}) {
    const float a = 0x1p-76f;
    const auto b = static_cast<float>(-less * 0x1p+76);
    EXPECT_EQ(BitsOf(FlushedFma(a, b, kMinNormal)), BitsOf(HardwareFma(a, b, kMinNormal))) << less;
  }
}

TEST(Bf16Arithmetic, PairsTakeTheOddInputFirst) {
  const std::vector<float> x = {1.0f, 0x1p+24f, 1.0f, -0x1p+24f};
  const auto one = [](int64_t) { return 1.0f; };
  // ((2^24 + 1 -> 2^24) - 2^24) + 1
  EXPECT_EQ(Bf16PairsDot(x.data(), one, 4), 1.0f);
  const std::vector<float> swapped = {0x1p+24f, 1.0f, -0x1p+24f, 1.0f};
  // ((1 + 2^24 -> 2^24) + 1 -> 2^24) - 2^24
  EXPECT_EQ(Bf16PairsDot(swapped.data(), one, 4), 0.0f);
  EXPECT_EQ(Bf16PairsDot(x.data(), one, 3), 0x1p+24f);
  EXPECT_EQ(Bf16PairsDot(x.data(), one, 0), 0.0f);
}

TEST(Bf16Arithmetic, TilesAddEvenAndOddChainsPerBlock) {
  const auto one = [](int64_t) { return 1.0f; };
  std::vector<float> x(64, 0.0f);
  x[0] = 0x1p+24f;  // even chain
  x[1] = 1.0f;      // odd chain
  x[3] = 1.0f;
  x[32] = -0x1p+24f;
  // 2 of the odd chain survive beside 2^24; in one chain of either order each would be lost.
  EXPECT_EQ(Bf16TilesDot(x.data(), one, 64), 2.0f);
  // Across blocks they are lost one at a time.
  x[3] = 0.0f;
  x[33] = 1.0f;
  EXPECT_EQ(Bf16TilesDot(x.data(), one, 64), 0.0f + (0x1p+24f + (-0x1p+24f + 1.0f)));
  EXPECT_EQ(Bf16TilesDot(x.data(), one, 0), 0.0f);
}

TEST(Bf16Arithmetic, WhatIsMissingCountsAsZero) {
  const auto tiny = [](int64_t) { return 0x1p-70f; };
  const std::vector<float> x = {-0x1p-70f, -0x1p-70f, -0x1p-70f};
  // Products flush to -0; the +0 of a missing input turns a sum of them into +0, but is added before the last one.
  EXPECT_EQ(BitsOf(Bf16PairsDot(x.data(), tiny, 2)), BitsOf(-0.0f));
  EXPECT_EQ(BitsOf(Bf16PairsDot(x.data(), tiny, 3)), BitsOf(-0.0f));
  EXPECT_EQ(BitsOf(Bf16TilesDot(x.data(), tiny, 3)), BitsOf(0.0f));
}

TEST(Bf16Products, ContractsDiffer) {
  EXPECT_STREQ(CpuNumericContract(Bf16Products::kChain), "f32.seq.fma.v2+int.group.v1");
  EXPECT_STREQ(CpuNumericContract(Bf16Products::kPairs), "f32.seq.fma.v2+bf16.pairs.v1+int.group.v1");
  EXPECT_STREQ(CpuNumericContract(Bf16Products::kTiles), "f32.seq.fma.v2+bf16.tiles.v1+int.group.v1");
}

}  // namespace
}  // namespace foregate
