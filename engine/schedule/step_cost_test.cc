#include "engine/schedule/step_cost.h"

#include <limits>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(StepCost, KnowsNothingAtFirst) {
  const StepCost cost;
  EXPECT_FALSE(cost.DecodeSeconds(1).has_value());
  EXPECT_FALSE(cost.PromptRowSeconds(1).has_value());
  EXPECT_FALSE(cost.KnowsDecode(1));
  EXPECT_EQ(cost.most_prompt_rows(), 0);
}

TEST(StepCost, ASlowFirstStepIsForgivenByTheSecond) {
  StepCost cost;
  cost.Observe(16, 0, 5.0);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(16), 5.0);
  EXPECT_FALSE(cost.KnowsDecode(16));
  cost.Observe(16, 0, 0.3);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(16), 0.3);
  EXPECT_TRUE(cost.KnowsDecode(16));
}

TEST(StepCost, OutliersDoNotMoveTheMedian) {
  StepCost cost;
  for (int i = 0; i < 40; ++i) cost.Observe(16, 0, i % 4 == 0 ? 7.0 : 0.3);
  for (int i = 0; i < 16; ++i) cost.Observe(16, 20, i % 4 == 0 ? 9.0 : 0.5);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(16), 0.3);
  EXPECT_NEAR(*cost.PromptRowSeconds(20), 0.01, 1e-9);
}

TEST(StepCost, OtherNumbersOfRowsGiveALowerBound) {
  StepCost cost;
  cost.Observe(8, 0, 0.2);
  cost.Observe(8, 0, 0.2);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(64), 0.2);  // more rows take no less
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(2), 0.05);  // fewer at least their part
  EXPECT_TRUE(cost.KnowsDecode(12));
  EXPECT_FALSE(cost.KnowsDecode(13));
  EXPECT_FALSE(cost.KnowsDecode(5));
  // Near ones count before farther ones, however much later these came.
  cost.Observe(16, 0, 0.3);
  cost.Observe(16, 0, 0.3);
  for (int i = 0; i < 30; ++i) cost.Observe(11, 0, 0.25);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(16), 0.3);
}

TEST(StepCost, FollowsGrowingContexts) {
  StepCost cost;
  for (int i = 0; i < 100; ++i) cost.Observe(16, 0, 0.3);
  for (int i = 0; i < 5; ++i) cost.Observe(16, 0, 0.6);
  EXPECT_DOUBLE_EQ(*cost.DecodeSeconds(16), 0.6);
  for (int i = 0; i < 20; ++i) cost.Observe(16, 20, 0.8);
  for (int i = 0; i < 3; ++i) cost.Observe(16, 20, 1.0);
  EXPECT_NEAR(*cost.PromptRowSeconds(20), 0.02, 1e-9);
}

TEST(StepCost, PromptRowsAreMeasuredInStepsOfTheirSize) {
  StepCost cost;
  cost.Observe(0, 256, 2.56);
  EXPECT_NEAR(*cost.PromptRowSeconds(8), 0.01, 1e-9);  // the only ones there are
  cost.Observe(16, 0, 0.3);
  cost.Observe(16, 0, 0.3);
  cost.Observe(16, 10, 0.6);
  EXPECT_NEAR(*cost.PromptRowSeconds(8), 0.03, 1e-9);
  EXPECT_NEAR(*cost.PromptRowSeconds(256), 0.01, 1e-9);
  EXPECT_EQ(cost.fewest_prompt_rows(), 10);
  EXPECT_EQ(cost.most_prompt_rows(), 256);
}

TEST(StepCost, AMixedStepSaysNothingUntilDecodeRowsAreKnown) {
  StepCost cost;
  cost.Observe(16, 10, 0.6);
  EXPECT_FALSE(cost.PromptRowSeconds(10).has_value());
  cost.Observe(16, 0, 0.4);
  EXPECT_NEAR(*cost.PromptRowSeconds(10), 0.02, 1e-9);  // and what was seen then is understood now
}

TEST(StepCost, CountsMixedStepsInARow) {
  StepCost cost;
  cost.Observe(4, 8, 1);
  cost.Observe(4, 8, 1);
  cost.Observe(0, 8, 1);  // nobody decodes
  EXPECT_EQ(cost.mixed_steps_in_a_row(), 2);
  cost.Observe(4, 0, 1);
  EXPECT_EQ(cost.mixed_steps_in_a_row(), 0);
}

TEST(StepCost, SenselessMeasurementsAreHarmless) {
  StepCost cost;
  cost.Observe(0, 0, 3);
  cost.Observe(-1, -5, 3);
  EXPECT_FALSE(cost.DecodeSeconds(1).has_value());
  cost.Observe(4, 0, -1);  // a clock that went backwards
  cost.Observe(4, 0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(*cost.DecodeSeconds(4), 0);
  cost.Observe(4, 0, 2);
  cost.Observe(4, 0, 2);
  cost.Observe(4, 0, 2);
  cost.Observe(4, 8, 1);  // faster than without its prompt rows
  EXPECT_EQ(*cost.PromptRowSeconds(8), 0);
}

}  // namespace
}  // namespace foregate
