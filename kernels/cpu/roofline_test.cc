#include "kernels/cpu/roofline.h"

#include <string>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(Roofline, MeasuresWhatAnyMachineReaches) {
  const auto roofline = MeasureRoofline(2, int64_t{1} << 20);
  ASSERT_TRUE(roofline.ok()) << roofline.status();
  // A hundredth of the slowest machine we know, so that load and sanitizers do not matter; no machine reaches the upper
  // bounds with two threads.
  EXPECT_GT(roofline->read_bytes_per_second, 1e8);
  EXPECT_LT(roofline->read_bytes_per_second, 1e12);
  EXPECT_GT(roofline->f32_flops, 1e7);
  EXPECT_LT(roofline->f32_flops, 2e12);
  EXPECT_GE(roofline->bf16_flops, roofline->f32_flops);
  EXPECT_GE(roofline->int4_ops, roofline->int8_ops);
  EXPECT_GT(roofline->int8_ops, 1e7);
}

TEST(Roofline, MeasuresAgainWhatTheMachineGives) {
  const auto probe = RooflineProbe::Create(1, int64_t{1} << 20);
  ASSERT_TRUE(probe.ok()) << probe.status();
  for (int i = 0; i < 2; ++i) {
    const auto now = (*probe)->MeasureNow();
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_GT(now->read_bytes_per_second, 1e8);
    EXPECT_GT(now->f32_flops, 1e7);
    EXPECT_GE(now->int4_ops, now->int8_ops);
    EXPECT_EQ(now->shortfall, "");
  }
}

TEST(Roofline, TellsWhenTheBufferIsNotToBeHad) {
  const auto roofline = MeasureRoofline(1, int64_t{1} << 60);
  EXPECT_EQ(roofline.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Roofline, TheBoundIsTheSlowerOfReadingAndComputing) {
  Roofline roofline;
  roofline.read_bytes_per_second = 10;
  roofline.f32_flops = 100;
  EXPECT_DOUBLE_EQ(roofline.BoundSeconds(20, 100, roofline.f32_flops), 2);
  EXPECT_DOUBLE_EQ(roofline.BoundSeconds(20, 500, roofline.f32_flops), 5);
}

TEST(Roofline, AProbeThatDoesNotCountGivesNoFraction) {
  Roofline roofline;
  EXPECT_EQ(FractionText(roofline.Fraction(1, 2)), "50.0 %");
  EXPECT_FALSE(roofline.Fraction(1, 0).has_value());
  roofline.shortfall = "memory 20.0 where AMD Zen 5 reaches 66.0";
  EXPECT_EQ(FractionText(roofline.Fraction(1, 2)), "probe low: no fraction");
  EXPECT_NE(RooflineText(roofline).find("probe low, so no fractions: memory 20.0"), std::string::npos);
}

}  // namespace
}  // namespace foregate
