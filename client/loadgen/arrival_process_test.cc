#include "client/loadgen/arrival_process.h"

#include <set>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(LengthRange, ParsesOneLengthOrTwo) {
  EXPECT_EQ(ParseLengthRange("128")->min, 128);
  EXPECT_EQ(ParseLengthRange("128")->max, 128);
  EXPECT_EQ(ParseLengthRange("64:256")->min, 64);
  EXPECT_EQ(ParseLengthRange("64:256")->max, 256);
  for (const char* bad : {"", "0", "-1", "x", "2:1", "1:", ":1", "1:2:3", "1000001", "99999999999", "1 "}) {
    EXPECT_FALSE(ParseLengthRange(bad).has_value()) << bad;
  }
}

TEST(PlanLoad, ArrivalsAreAPoissonProcess) {
  const auto plan = PlanLoad({.rate = 50, .max_requests = 20000, .seed = 3});
  ASSERT_EQ(plan.size(), 20000u);
  double previous = 0, sum = 0, sum_of_squares = 0;
  for (const PlannedRequest& request : plan) {
    const double gap = request.arrival_seconds - previous;
    ASSERT_GE(gap, 0);
    sum += gap;
    sum_of_squares += gap * gap;
    previous = request.arrival_seconds;
  }
  // Exponential gaps: mean 1/50 and as large a standard deviation. 20000 samples estimate both to 1 %; 5 % is 7 sigma.
  const double mean = sum / 20000;
  EXPECT_NEAR(mean, 0.02, 0.001);
  EXPECT_NEAR(sum_of_squares / 20000 - mean * mean, 0.0004, 0.00004);
}

TEST(PlanLoad, AnOpenLoopEndsAtItsDuration) {
  const auto plan = PlanLoad({.rate = 100, .max_requests = 1000000, .duration_seconds = 2});
  EXPECT_GT(plan.size(), 100u);
  EXPECT_LT(plan.size(), 400u);
  EXPECT_LT(plan.back().arrival_seconds, 2);
}

TEST(PlanLoad, AClosedLoopHasNoArrivals) {
  const auto plan = PlanLoad({.max_requests = 5, .prompt = {3, 3}, .output = {7, 7}});
  ASSERT_EQ(plan.size(), 5u);
  for (const PlannedRequest& request : plan) {
    EXPECT_EQ(request.arrival_seconds, 0);
    EXPECT_EQ(request.prompt_tokens, 3);
    EXPECT_EQ(request.output_tokens, 7);
  }
}

TEST(PlanLoad, LengthsFillTheirRangesAndSeedsDecideAll) {
  const LoadPlanOptions options = {.max_requests = 500, .prompt = {2, 5}, .output = {1, 2}, .seed = 9};
  const auto plan = PlanLoad(options);
  const auto again = PlanLoad(options);
  std::set<int32_t> prompts;
  std::set<uint64_t> seeds;
  for (size_t i = 0; i < plan.size(); ++i) {
    prompts.insert(plan[i].prompt_tokens);
    seeds.insert(plan[i].prompt_seed);
    EXPECT_EQ(plan[i].prompt_seed, again[i].prompt_seed);
  }
  EXPECT_EQ(prompts, (std::set<int32_t>{2, 3, 4, 5}));
  EXPECT_EQ(seeds.size(), plan.size());
}

TEST(RandomPrompt, IsInRangeAndRepeatable) {
  const std::vector<int32_t> prompt = RandomPrompt(5, 1000, 3, 10);
  EXPECT_EQ(prompt, RandomPrompt(5, 1000, 3, 10));
  EXPECT_NE(prompt, RandomPrompt(6, 1000, 3, 10));
  EXPECT_EQ(std::set<int32_t>(prompt.begin(), prompt.end()), (std::set<int32_t>{3, 4, 5, 6, 7, 8, 9}));
}

}  // namespace
}  // namespace foregate
