#include "client/evaluation/score_statistics.h"

#include <cmath>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(WilsonIntervalTest, KnownValues) {
  // Worked out by hand: 8 of 10 with z = 1.96.
  const Interval interval = WilsonInterval(8, 10);
  EXPECT_NEAR(interval.low, 0.4902, 1e-4);
  EXPECT_NEAR(interval.high, 0.9433, 1e-4);
}

TEST(WilsonIntervalTest, EndsHaveAWidth) {
  EXPECT_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_EQ(WilsonInterval(0, 0).high, 1);
  // z^2 / (n + z^2).
  EXPECT_NEAR(WilsonInterval(0, 20).high, 0.1611, 1e-4);
  EXPECT_EQ(WilsonInterval(0, 20).low, 0);
  EXPECT_NEAR(WilsonInterval(20, 20).low, 1 - 0.1611, 1e-4);
  EXPECT_EQ(WilsonInterval(20, 20).high, 1);
}

TEST(PairedChangeTest, ManyTasksGiveMcNemarsNormalInterval) {
  const PairedCounts counts = {.both = 600000, .only_reference = 30000, .only_this = 50000, .neither = 320000};
  const double n = 1e6;
  const double change = 0.02;
  const double deviation = std::sqrt(80000 - change * change * n) / n;
  EXPECT_DOUBLE_EQ(PairedChange(counts), change);
  const Interval interval = PairedChangeInterval(counts);
  EXPECT_NEAR(interval.low, change - 1.96 * deviation, 5e-6);
  EXPECT_NEAR(interval.high, change + 1.96 * deviation, 5e-6);
}

TEST(PairedChangeTest, ChangingSidesTurnsTheInterval) {
  const Interval interval = PairedChangeInterval({.both = 30, .only_reference = 9, .only_this = 2, .neither = 4});
  const Interval turned = PairedChangeInterval({.both = 30, .only_reference = 2, .only_this = 9, .neither = 4});
  EXPECT_NEAR(interval.low, -turned.high, 1e-12);
  EXPECT_NEAR(interval.high, -turned.low, 1e-12);
  EXPECT_LT(interval.low, -7.0 / 45);
  EXPECT_GT(interval.high, -7.0 / 45);
}

TEST(PairedChangeTest, NoChangeIsStillUncertain) {
  const Interval few = PairedChangeInterval({.both = 18, .only_reference = 0, .only_this = 0, .neither = 2});
  const Interval many = PairedChangeInterval({.both = 1800, .only_reference = 0, .only_this = 0, .neither = 200});
  EXPECT_LT(few.low, many.low);
  EXPECT_LT(many.low, 0);
  EXPECT_GT(many.high, 0);
  EXPECT_LT(many.high, 0.01);
}

TEST(PairedChangeTest, StaysInBounds) {
  EXPECT_EQ(PairedChangeInterval({}).low, -1);
  EXPECT_EQ(PairedChange({}), 0);
  const Interval all = PairedChangeInterval({.both = 0, .only_reference = 0, .only_this = 5, .neither = 0});
  EXPECT_GT(all.low, 0);
  EXPECT_LE(all.high, 1);
  // Agreement by chance alone, and less than that.
  EXPECT_LT(PairedChangeInterval({.both = 1, .only_reference = 5, .only_this = 5, .neither = 1}).low, -0.3);
}

}  // namespace
}  // namespace foregate
