#include "engine/moe/eviction_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/moe/expert_usage.h"

namespace foregate {
namespace {

EvictionCandidate At(int32_t layer, int32_t expert) {
  return {.key = {layer, expert}, .layer_index = layer, .bytes = 1000};
}

TEST(EvictionPolicy, NoCandidateNoVictim) {
  for (const NamedEvictionPolicy& named : EvictionPolicies()) EXPECT_EQ(named.policy({}, {}), std::nullopt);
  EXPECT_EQ(EvictFarthestUse({}, {}), std::nullopt);
}

TEST(EvictionPolicy, TiesFallToTheSmallerKey) {
  const std::vector<EvictionCandidate> candidates = {At(1, 9), At(1, 4), At(1, 7)};
  for (const NamedEvictionPolicy& named : EvictionPolicies())
    EXPECT_EQ(named.policy(candidates, {.layer_index = 0, .num_layers = 3}), std::optional<size_t>(1)) << named.name;
  EXPECT_EQ(EvictFarthestUse(candidates, {}), std::optional<size_t>(1));
}

TEST(EvictionPolicy, EachLooksAtItsOwnFact) {
  std::vector<EvictionCandidate> candidates = {At(0, 0), At(0, 1), At(0, 2), At(0, 3)};
  for (EvictionCandidate& candidate : candidates) {
    candidate.last_use = 9;
    candidate.share = candidate.probability = 0.5f;
    candidate.next_use = 9;
  }
  candidates[0].last_use = 8;
  candidates[1].share = 0.4f;
  candidates[2].probability = 0.4f;
  candidates[3].next_use = EvictionCandidate::kNever;
  const EvictionMoment moment{.layer_index = 1, .num_layers = 4};
  EXPECT_EQ(EvictLeastRecentlyUsed(candidates, moment), std::optional<size_t>(0));
  EXPECT_EQ(EvictLeastFrequentlyUsed(candidates, moment), std::optional<size_t>(1));
  EXPECT_EQ(EvictFarthestExpectedUse(candidates, moment), std::optional<size_t>(2));
  EXPECT_EQ(EvictFarthestUse(candidates, moment), std::optional<size_t>(3));
}

TEST(EvictionPolicy, ExpectedUseCountsLayersOfTheCycle) {
  const EvictionMoment moment{.layer_index = 2, .num_layers = 10};
  const auto layers = [&](int32_t layer, float probability, float hint) {
    EvictionCandidate candidate = At(layer, 0);
    candidate.probability = probability;
    candidate.hint = hint;
    return ExpectedLayersToUse(candidate, moment);
  };
  EXPECT_EQ(layers(3, 1, 0), 1);   // the layer that comes next
  EXPECT_EQ(layers(1, 1, 0), 9);   // the one that just ran
  EXPECT_EQ(layers(2, 1, 0), 10);  // the one that runs
  EXPECT_EQ(layers(3, 0.5f, 0), 11);
  EXPECT_EQ(layers(3, 0.25f, 0.5f), 11);  // a guess counts when it is the better one
  EXPECT_EQ(layers(3, 0.25f, 1), 1);      // committed
  EXPECT_GT(layers(3, 0, 0), 1e6);
}

TEST(EvictionPolicy, CommittedExpertsStay) {
  std::vector<EvictionCandidate> candidates = {At(3, 0), At(3, 1), At(3, 2)};
  candidates[0].probability = 0.3f;
  candidates[1].probability = 0.01f;
  candidates[1].hint = 1;
  candidates[2].probability = 0.2f;
  EXPECT_EQ(EvictFarthestExpectedUse(candidates, {.layer_index = 2, .num_layers = 4}), std::optional<size_t>(2));
}

TEST(EvictionPolicy, WhenRequestsCostTheSmallerOneStays) {
  std::vector<EvictionCandidate> candidates = {At(0, 0), At(0, 1)};
  for (EvictionCandidate& candidate : candidates) candidate.share = candidate.probability = 0.5f;
  candidates[1].bytes = 4000;
  for (const EvictionPolicy policy : {EvictLeastFrequentlyUsed, EvictFarthestExpectedUse}) {
    EXPECT_EQ(policy(candidates, {.num_layers = 2, .request_bytes = 0}), std::optional<size_t>(0));
    EXPECT_EQ(policy(candidates, {.num_layers = 2, .request_bytes = 500}), std::optional<size_t>(1));
  }
}

TEST(EvictionPolicy, TheVictimIsAlwaysTheFarthest) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<EvictionCandidate> candidates;
    for (int32_t i = 0; i < 1 + round % 17; ++i) {
      EvictionCandidate candidate = At(static_cast<int32_t>(random() % 5), i);
      candidate.probability = static_cast<float>(random() % 8) / 7;
      candidate.hint = static_cast<float>(random() % 4) / 3;
      candidates.push_back(candidate);
    }
    const EvictionMoment moment{.layer_index = static_cast<int32_t>(random() % 5), .num_layers = 5};
    const std::optional<size_t> victim = EvictFarthestExpectedUse(candidates, moment);
    ASSERT_TRUE(victim.has_value());
    for (const EvictionCandidate& candidate : candidates)
      EXPECT_LE(ExpectedLayersToUse(candidate, moment), ExpectedLayersToUse(candidates[*victim], moment));
  }
}

TEST(ExpertUsage, SharesAreOfRowsAndDecay) {
  ExpertUsage usage(2, 4);
  EXPECT_EQ(usage.probability(1, 3), 0);
  for (int i = 0; i < 500; ++i) usage.Visit(1, 4, std::vector<int32_t>{0, 0, 0, 0, 1, 1, 2, 2});
  EXPECT_NEAR(usage.share(1, 0), 1.0f, 1e-3);
  EXPECT_NEAR(usage.share(1, 1), 0.5f, 1e-3);
  EXPECT_EQ(usage.share(1, 3), 0);
  EXPECT_EQ(usage.share(0, 0), 0);
  // 22 rows halve it.
  for (int i = 0; i < 22; ++i) usage.Visit(1, 1, std::vector<int32_t>{1, 2});
  EXPECT_NEAR(usage.share(1, 0), 0.5f, 0.01);
  for (int i = 0; i < 3000; ++i) usage.Visit(1, 1, std::vector<int32_t>{1, 2});
  EXPECT_EQ(usage.share(1, 0), 0);
}

TEST(ExpertUsage, RecentlyChosenIsMoreLikelyAndNothingIsImpossible) {
  ExpertUsage usage(1, 16);
  for (int i = 0; i < 40; ++i) usage.Visit(0, 1, std::vector<int32_t>{i % 2, 2 + i % 8});
  EXPECT_GT(usage.probability(0, 9), usage.probability(0, 8));
  EXPECT_GT(usage.probability(0, 0), usage.probability(0, 2));
  EXPECT_GT(usage.probability(0, 15), 0);
  EXPECT_LT(usage.probability(0, 15), usage.probability(0, 2));
  for (int32_t expert = 0; expert < 16; ++expert) EXPECT_LE(usage.probability(0, expert), 1);
}

// Every expert comes back the next time and then not for long: twice in turn. The formula says a quarter; it is
// learned.
TEST(ExpertUsage, LearnsHowRecencyCounts) {
  ExpertUsage usage(1, 64);
  for (int32_t i = 0; i < 2000; ++i) usage.Visit(0, 1, std::vector<int32_t>{i / 2 % 64});
  usage.Visit(0, 1, std::vector<int32_t>{20});
  EXPECT_GT(usage.probability(0, 20), 0.4f);
  ExpertUsage never_again(1, 64);
  for (int32_t i = 0; i < 2000; ++i) never_again.Visit(0, 1, std::vector<int32_t>{i % 64});
  never_again.Visit(0, 1, std::vector<int32_t>{20});
  EXPECT_LT(never_again.probability(0, 20), 0.2f);
}

TEST(ExpertUsage, FirstRowsCountMoreThanLaterOnes) {
  ExpertUsage usage(1, 4);
  usage.Visit(0, 1, std::vector<int32_t>{0});
  EXPECT_NEAR(usage.share(0, 0), 1.0 / 17, 1e-6);
  ExpertUsage prompt(1, 4);
  prompt.Visit(0, 48, std::vector<int32_t>(48, 0));
  EXPECT_GT(prompt.share(0, 0), 0.7f);
}

}  // namespace
}  // namespace foregate
