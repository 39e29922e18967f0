#include "kernels/base/arithmetic.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

// |value - exact| in units of the last place of `exact` rounded to f32.
double UlpError(float value, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::abs(static_cast<double>(value) - exact) / ulp;
}

TEST(Exp, StaysWithinOneUlp) {
  double worst_normal = 0;
  double worst_subnormal = 0;
  // Steps of a few hundred representable values through [-103, 88.72], both signs.
  for (uint32_t bits = 0x30000000u; bits < 0x42d00000u; bits += 397) {
    for (const float x : {std::bit_cast<float>(bits), -std::bit_cast<float>(bits)}) {
      if (x > 88.72f || x < -103.9f) continue;
      const double error = UlpError(Exp(x), std::exp(static_cast<double>(x)));
      double& worst = x < -87.33f ? worst_subnormal : worst_normal;
      worst = std::max(worst, error);
    }
  }
  EXPECT_LT(worst_normal, 1.0);
  EXPECT_LT(worst_subnormal, 1.0);
  RecordProperty("worst_normal_ulp", std::to_string(worst_normal));
}

TEST(Exp, EndsOfTheRange) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(-0.0f), 1.0f);
  EXPECT_EQ(Exp(-kInf), 0.0f);
  EXPECT_EQ(Exp(-1e30f), 0.0f);
  EXPECT_EQ(Exp(kInf), kInf);
  EXPECT_EQ(Exp(88.73f), kInf);
  EXPECT_LT(Exp(88.72f), kInf);
  EXPECT_EQ(Exp(-103.0f), 0x1p-149f);
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Exp, IsMonotoneAcrossTheReductionSeams) {
  for (int n = -120; n < 120; ++n) {
    const float seam = (static_cast<float>(n) + 0.5f) * 0.69314718f;
    EXPECT_LE(Exp(std::nextafter(seam, -200.0f)), Exp(std::nextafter(seam, 200.0f))) << seam;
  }
}

TEST(Silu, MatchesItsDefinitionAtKnownPoints) {
  EXPECT_EQ(Silu(0.0f), 0.0f);
  EXPECT_EQ(Sigmoid(0.0f), 0.5f);
  EXPECT_EQ(Sigmoid(200.0f), 1.0f);
  EXPECT_EQ(Sigmoid(-200.0f), 0.0f);
  EXPECT_EQ(Silu(40.0f), 40.0f);
  EXPECT_NEAR(Silu(1.0f), 0.731058578630, 1e-7);
  EXPECT_NEAR(Silu(-2.0f), -0.238405844044, 1e-7);
}

TEST(LaneDot, AddsInTheWrittenOrder) {
  // Lane 0 gets 1e8 + 1 (lost), lane 1 gets -1e8: another order would keep the 1.
  std::vector<float> x(17, 0.0f);
  x[0] = 1e8f;
  x[1] = -1e8f;
  x[16] = 1.0f;
  EXPECT_EQ(LaneDot(
                x.data(), [](int64_t) { return 1.0f; }, 17),
            0.0f);
  EXPECT_EQ(LaneSum(x.data(), 17), 0.0f);
  // In lane 2 the 1 survives until the reduction, and lanes 0 and 8 meet first.
  x[16] = 0.0f;
  x[2] = 1.0f;
  x[1] = 0.0f;
  x[8] = -1e8f;
  EXPECT_EQ(LaneDot(
                x.data(), [](int64_t) { return 1.0f; }, 17),
            1.0f);
}

TEST(LaneDot, FusesAndLeavesAbsentLanesAlone) {
  const float a = 1.0f + 0x1p-12f;
  const float x[2] = {-1.0f - 0x1p-11f, a};
  // a * a = 1 + 2^-11 + 2^-24 needs the fused product only within a lane; across lanes it is rounded.
  EXPECT_EQ(LaneDot(
                &x[1], [&](int64_t) { return a; }, 1),
            a * a);
  std::vector<float> same_lane(17, 0.0f);
  same_lane[0] = x[0];
  same_lane[16] = a;
  EXPECT_EQ(LaneDot(
                same_lane.data(), [&](int64_t k) { return k == 0 ? 1.0f : a; }, 17),
            0x1p-24f);
  EXPECT_EQ(LaneDot(
                x, [](int64_t) { return 1.0f; }, 0),
            0.0f);
}

}  // namespace
}  // namespace foregate
