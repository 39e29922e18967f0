#include "engine/schedule/stall_cost.h"

#include <gtest/gtest.h>

#include <cmath>

namespace foregate {
namespace {

TEST(StallCostTest, ComputingInBytesThatCouldBeRead) {
  StallCost cost;
  // A second for 1000 bytes that are computed with, three for 600 that are read: 1/1000 s against 3/600 s a byte.
  for (int i = 0; i < 50; ++i) cost.Observe(4, 3, 600, 1000);
  EXPECT_NEAR(cost.compute_cost(), 0.2, 1e-9);
  // The latest count most: nothing is waited for any more.
  for (int i = 0; i < 50; ++i) cost.Observe(1, 0.001, 600, 1000);
  EXPECT_GT(cost.compute_cost(), 4);
}

TEST(StallCostTest, WithoutWaitsReadingCostsNothing) {
  StallCost cost;
  EXPECT_TRUE(std::isinf(cost.compute_cost()));
  for (int i = 0; i < 50; ++i) cost.Observe(1, 0, 600, 1000);
  EXPECT_TRUE(std::isinf(cost.compute_cost()));
  StallCost nothing_read;
  nothing_read.Observe(1, 0.5, 0, 1000);
  EXPECT_TRUE(std::isinf(nothing_read.compute_cost()));
}

TEST(StallCostTest, ClocksThatDisagreeDoNoHarm) {
  StallCost cost;
  cost.Observe(1, 2, 600, 1000);  // waited longer than the step took
  EXPECT_EQ(cost.compute_cost(), 0);
  cost.Observe(-1, 2, 600, 1000);
  EXPECT_GE(cost.compute_cost(), 0);
}

}  // namespace
}  // namespace foregate
