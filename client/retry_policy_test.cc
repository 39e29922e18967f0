#include "client/retry_policy.h"

#include "gtest/gtest.h"

namespace foregate {
namespace {

using std::chrono::milliseconds;

TEST(RetryPolicyTest, FollowsTheServersHintUntilTheBudgetIsSpent) {
  RetryPolicy policy(milliseconds(1000));
  EXPECT_EQ(policy.NextDelay(milliseconds(400)), milliseconds(400));
  EXPECT_EQ(policy.NextDelay(milliseconds(600)), milliseconds(600));
  EXPECT_EQ(policy.NextDelay(milliseconds(1)), std::nullopt);
}

TEST(RetryPolicyTest, AHintOfZeroDoesNotSpin) {
  RetryPolicy policy(milliseconds(1000));
  EXPECT_EQ(policy.NextDelay(milliseconds(0)), RetryPolicy::kShortestDelay);
}

TEST(RetryPolicyTest, WithoutAHintAFewGrowingDelays) {
  RetryPolicy policy(milliseconds(60000));
  EXPECT_EQ(policy.NextDelay(std::nullopt), milliseconds(100));
  EXPECT_EQ(policy.NextDelay(std::nullopt), milliseconds(200));
  EXPECT_EQ(policy.NextDelay(std::nullopt), std::nullopt);
}

TEST(RetryPolicyTest, NoBudgetNoRetry) {
  RetryPolicy policy(milliseconds(0));
  EXPECT_EQ(policy.NextDelay(milliseconds(1)), std::nullopt);
}

}  // namespace
}  // namespace foregate
