#include "engine/schedule/expert_affinity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace foregate {
namespace {

constexpr size_t kExperts = 64;

class ExpertAffinityTest : public testing::Test {
 protected:
  AffinityTurns Plan(int32_t max_passed_over) {
    AffinityTurns turns;
    planner_.Plan(priorities_, chances_,
                  {.expert_bytes = bytes_,
                   .memory_bytes = memory_bytes_,
                   .dense_bytes = 10,
                   .compute_cost = compute_cost_,
                   .max_passed_over = max_passed_over},
                  &turns);
    return turns;
  }

  // Sequence s wants the experts of topic s modulo `topics`, each with probability `own`, and the others with `other`.
  void TakeTopics(size_t num_sequences, size_t topics, float own, float other) {
    priorities_.assign(num_sequences, 0);
    chances_.clear();
    for (size_t s = 0; s < num_sequences; ++s)
      for (size_t e = 0; e < kExperts; ++e) chances_.push_back(e * topics / kExperts == s % topics ? own : other);
  }

  AffinityPlanner planner_;
  std::vector<int64_t> priorities_;
  std::vector<float> chances_;
  std::vector<float> bytes_ = std::vector<float>(kExperts, 1.0f);
  double memory_bytes_ = 32;
  double compute_cost_ = 0.1;
};

void ExpectNoTurns(const AffinityTurns& turns) {
  EXPECT_EQ(turns.num_groups, 1);
  for (const int32_t group : turns.groups) EXPECT_EQ(group, AffinityTurns::kEveryTurn);
}

TEST_F(ExpertAffinityTest, TopicsThatDoNotFitTogetherTakeTurns) {
  TakeTopics(8, 2, 0.8f, 0.0f);
  const AffinityTurns turns = Plan(8);
  EXPECT_EQ(turns.num_groups, 2);
  EXPECT_EQ(turns.steps_per_turn, 8);
  EXPECT_EQ(turns.groups, (std::vector<int32_t>{0, 1, 0, 1, 0, 1, 0, 1}));
  // All together read 32 of 64 experts each step for 8 tokens, a group 32 once in 8 steps of 4 tokens; and computing.
  EXPECT_LT(turns.cost_ratio, 0.6);
}

TEST_F(ExpertAffinityTest, FourTopicsWhereEachAloneFits) {
  TakeTopics(16, 4, 0.8f, 0.0f);
  memory_bytes_ = 16;
  const AffinityTurns turns = Plan(24);
  EXPECT_EQ(turns.num_groups, 4);
  EXPECT_EQ(turns.steps_per_turn, 8);
  for (size_t s = 0; s < 16; ++s) EXPECT_EQ(turns.groups[s], static_cast<int32_t>(s % 4));
}

// Whatever the chances, as long as they are everybody's: turns would read the same for fewer tokens.
TEST_F(ExpertAffinityTest, WhereAllWantTheSameNobodySitsOut) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const size_t num_sequences = 2 + random() % 20;
    std::vector<float> row;
    for (size_t e = 0; e < kExperts; ++e) row.push_back(static_cast<float>(random() % 1000) / 1000);
    if (i % 3 == 0) row.assign(kExperts, 0.125f);
    chances_.clear();
    for (size_t s = 0; s < num_sequences; ++s) chances_.insert(chances_.end(), row.begin(), row.end());
    priorities_.assign(num_sequences, 0);
    memory_bytes_ = static_cast<double>(2 + random() % kExperts);
    compute_cost_ = i % 2 == 0 ? 0 : 0.5;
    const AffinityTurns turns = Plan(1 + static_cast<int32_t>(random() % 64));
    ExpectNoTurns(turns);
    EXPECT_GE(turns.cost_ratio, 1 - 1e-5);
  }
}

TEST_F(ExpertAffinityTest, WhereEverythingFitsNobodySitsOut) {
  TakeTopics(8, 2, 0.8f, 0.0f);
  memory_bytes_ = kExperts;
  ExpectNoTurns(Plan(8));
}

TEST_F(ExpertAffinityTest, WhereReadingCostsNextToNothingNobodySitsOut) {
  TakeTopics(8, 2, 0.8f, 0.0f);
  compute_cost_ = 1000;
  ExpectNoTurns(Plan(8));
  compute_cost_ = std::numeric_limits<double>::infinity();
  ExpectNoTurns(Plan(8));
}

TEST_F(ExpertAffinityTest, ShortTurnsOfAWeakTopicDoNotPay) {
  TakeTopics(8, 2, 0.5f, 0.3f);
  ExpectNoTurns(Plan(2));
}

TEST_F(ExpertAffinityTest, OffAndAlone) {
  TakeTopics(8, 2, 0.8f, 0.0f);
  ExpectNoTurns(Plan(0));
  TakeTopics(1, 1, 0.8f, 0.0f);
  ExpectNoTurns(Plan(8));
  TakeTopics(0, 1, 0.8f, 0.0f);
  ExpectNoTurns(Plan(8));
}

TEST_F(ExpertAffinityTest, NobodyWaitsLongerThanIsAllowed) {
  std::mt19937 random(11);
  int num_cycles = 0;
  for (int i = 0; i < 200; ++i) {
    TakeTopics(2 + random() % 16, 1 + random() % 5, 0.9f, 0.01f);
    memory_bytes_ = static_cast<double>(4 + random() % kExperts);
    const int32_t most = 1 + static_cast<int32_t>(random() % 12);
    const AffinityTurns turns = Plan(most);
    if (turns.num_groups == 1) continue;
    ++num_cycles;
    EXPECT_GE(turns.steps_per_turn, 1);
    EXPECT_LE(turns.steps_per_turn * (turns.num_groups - 1), most);
  }
  EXPECT_GT(num_cycles, 10);
}

TEST_F(ExpertAffinityTest, OnlyTheLowestPriorityIsGrouped) {
  TakeTopics(8, 2, 0.8f, 0.0f);
  priorities_ = {1, 0, 0, 0, 0, 0, 0, 0};
  std::fill_n(chances_.begin(), kExperts, 0.0f);
  const AffinityTurns turns = Plan(16);
  ASSERT_EQ(turns.num_groups, 2);
  EXPECT_EQ(turns.groups, (std::vector<int32_t>{AffinityTurns::kEveryTurn, 0, 1, 0, 1, 0, 1, 0}));
  priorities_ = {1, 1, 1, 1, 1, 1, 1, 0};
  ExpectNoTurns(Plan(16));
}

}  // namespace
}  // namespace foregate
