#include "engine/schedule/prefill_pace.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr double kStretch = 1.8;

// 16 streams take 0.3 s, a prompt row 0.01 s.
StepCost Measured() {
  StepCost cost;
  for (int i = 0; i < 4; ++i) cost.Observe(16, 0, 0.3);
  for (int i = 0; i < 4; ++i) cost.Observe(16, 24, 0.54);
  return cost;
}

TEST(PrefillPace, ALonePromptGetsWhatTheStretchLeaves) {
  EXPECT_NEAR(PacedPrefillRows(Measured(), kStretch, 16, 1), 24, 1);  // 0.8 * 0.3 s
  EXPECT_NEAR(PacedPrefillRows(Measured(), 3.0, 16, 1), 60, 1);
}

TEST(PrefillPace, EachWaitingPromptAddsItsPart) {
  for (int32_t n = 1; n <= 4; ++n) EXPECT_NEAR(PacedPrefillRows(Measured(), kStretch, 16, n), 24 * n, 1) << n;
  // Beyond four times what was measured it goes in stages.
  EXPECT_EQ(PacedPrefillRows(Measured(), kStretch, 16, 12), 96);
  StepCost more = Measured();
  more.Observe(16, 96, 0.3 + 96 * 0.01);
  EXPECT_NEAR(PacedPrefillRows(more, kStretch, 16, 12), 24 * 12, 1);
}

TEST(PrefillPace, NoLimitWhenNobodyPaysOrABurstArrives) {
  const StepCost cost = Measured();
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 0, 1), kUnlimitedPrefillRows);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 16, 0), kUnlimitedPrefillRows);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 16, 16), kUnlimitedPrefillRows);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 1, 4), kUnlimitedPrefillRows);
  // As many, but no burst: one prompt would stall one stream.
  EXPECT_LT(PacedPrefillRows(cost, kStretch, 1, 1), kUnlimitedPrefillRows);
  EXPECT_LT(PacedPrefillRows(cost, kStretch, 3, 3), kUnlimitedPrefillRows);
}

TEST(PrefillPace, AStretchOfOneOrLessIsNoPace) {
  for (const double off : {1.0, 0.0, -3.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(PacedPrefillRows(Measured(), off, 16, 1), kUnlimitedPrefillRows) << off;
}

TEST(PrefillPace, MeasuresDecodeRowsFirst) {
  StepCost cost;
  cost.Observe(0, 256, 2.6);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 16, 1), 0);
  cost.Observe(16, 0, 0.3);
  // Rows of large chunks may be cheaper than those of the next step: half for the first one.
  EXPECT_NEAR(PacedPrefillRows(cost, kStretch, 16, 1), 0.24 / (2.6 / 256) / 2, 1);
  cost.Observe(16, 12, 0.3 + 12 * 0.012);
  EXPECT_NEAR(PacedPrefillRows(cost, kStretch, 16, 1), 20, 1);
  // A burst is not asked to wait for a measurement.
  EXPECT_EQ(PacedPrefillRows(StepCost(), kStretch, 4, 12), kUnlimitedPrefillRows);
}

TEST(PrefillPace, BeforeAnyPromptRowWasMeasuredItCountsLikeADecodeRow) {
  StepCost cost;
  cost.Observe(32, 0, 0.3);
  cost.Observe(32, 0, 0.3);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 32, 1), 12);  // half of 0.8 * 32
}

TEST(PrefillPace, PromptRowsThatSeemFreeAreApproachedInStages) {
  StepCost cost;
  for (int i = 0; i < 4; ++i) cost.Observe(16, 0, 0.3);
  for (int i = 0; i < 4; ++i) cost.Observe(16, 24, 0.29);
  EXPECT_EQ(PacedPrefillRows(cost, kStretch, 16, 1), 96);
  cost.Observe(16, 96, 0.4);
  EXPECT_NEAR(PacedPrefillRows(cost, kStretch, 16, 1), 230, 1);  // 96 cost 0.1 s, 0.24 s may be used
}

TEST(PrefillPace, HugeNumbersDoNotOverflow) {
  StepCost cost;
  for (int i = 0; i < 4; ++i) cost.Observe(1, 0, 1e300);
  for (int i = 0; i < 4; ++i) cost.Observe(0, std::numeric_limits<int32_t>::max(), 1e-300);
  EXPECT_EQ(PacedPrefillRows(cost, 1000, std::numeric_limits<int32_t>::max() - 1, 1 << 30), kUnlimitedPrefillRows);
  StepCost instant;  // a clock that stands still
  for (int i = 0; i < 4; ++i) instant.Observe(16, 0, 0);
  EXPECT_EQ(PacedPrefillRows(instant, kStretch, 16, 2), 2 * kMinPrefillRows);
}

// Over random machines, whose steps cost a + b * decode rows + c * prompt rows give or take 5 %: the stretch holds, but
// for the floor, and the machine's time is used.
TEST(PrefillPace, HoldsTheStretchOnAnyMachine) {
  std::mt19937_64 random(1);
  const auto unit = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  for (int machine = 0; machine < 300; ++machine) {
    const double scale = std::exp(-12 * unit());
    const double a = scale * unit(), b = scale * unit() / 8, c = b * (0.2 + unit());
    const double stretch = 1.2 + 2 * unit();
    StepCost cost;
    const auto seconds = [&](int32_t decoding, int32_t prompt) { return a + b * decoding + c * prompt; };
    int32_t decoding = 1 + static_cast<int32_t>(random() % 32);
    for (int step = 0; step < 300; ++step) {
      if (random() % 20 == 0) decoding = std::max(1, decoding + static_cast<int32_t>(random() % 3) - 1);
      const int32_t n = 1 + static_cast<int32_t>(random() % 2);
      const int32_t rows = PacedPrefillRows(cost, stretch, decoding, n);
      ASSERT_NE(rows, kUnlimitedPrefillRows);
      const double allowed = seconds(decoding, 0) * (1 + n * (stretch - 1));
      if (rows > n * kMinPrefillRows) {
        ASSERT_LE(seconds(decoding, rows), allowed * 1.25) << machine << " at " << step;
      }
      if (step > 100 && rows > 0) {
        ASSERT_GE(seconds(decoding, rows), std::min(allowed * 0.6, seconds(decoding, n * kMinPrefillRows)));
      }
      cost.Observe(decoding, rows, seconds(decoding, rows) * (0.95 + 0.1 * unit()));
    }
  }
}

// Over senseless histories: every prompt advances. Steps that only measure are few, and all others hold the floor.
TEST(PrefillPace, APromptAlwaysAdvances) {
  std::mt19937_64 random(2);
  for (int history = 0; history < 300; ++history) {
    StepCost cost;
    int measurements = 0;
    for (int step = 0; step < 400; ++step) {
      const int32_t decoding = 1 + static_cast<int32_t>(random() % 40);
      const int32_t n = 1 + static_cast<int32_t>(random() % 3);
      const int32_t rows = PacedPrefillRows(cost, kStretch, decoding, n);
      if (rows == 0) {
        ++measurements;
      } else {
        ASSERT_GE(rows, n * kMinPrefillRows);
      }
      const double seconds = std::exp(static_cast<double>(random() % 100) - 50);
      cost.Observe(decoding, std::min(rows, 1000), random() % 10 == 0 ? -seconds : seconds);
    }
    ASSERT_LE(measurements, 1 + 400 / 5);
  }
}

}  // namespace
}  // namespace foregate
