#include "engine/schedule/expert_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace foregate {
namespace {

constexpr size_t kLayers = 2;
constexpr size_t kExperts = 16;
constexpr double kMemory = 20;  // of 32 experts of one byte

struct Stream {
  int topic = 0;
  int64_t priority = 0;
  SequenceTurn turn;
  int num_run = 0;
};

class ExpertTurnsTest : public testing::Test {
 protected:
  void Start(int32_t max_passed_over) {
    turns_ = std::make_unique<ExpertTurns>(ExpertTurns::Options{.layer_expert_bytes = std::vector<double>(kLayers, 1.0),
                                                                .experts_per_layer = kExperts,
                                                                .dense_bytes = 1,
                                                                .max_passed_over = max_passed_over});
  }
  Stream& Add(int topic, int64_t priority = 0) {
    streams_.push_back(std::make_unique<Stream>());
    streams_.back()->topic = topic;
    streams_.back()->priority = priority;
    turns_->Begin(&streams_.back()->turn);
    return *streams_.back();
  }

  // Whoever runs chooses 4 experts of its topic's 8 in each layer; steps wait for experts half of their time.
  void Step() {
    members_.clear();
    for (const auto& stream : streams_) members_.push_back({&stream->turn, stream->priority});
    turns_->Hold(members_, kMemory, &held_);
    ASSERT_EQ(held_.size(), streams_.size());
    for (size_t i = 0; i < streams_.size(); ++i) {
      Stream& stream = *streams_[i];
      if (held_[i]) {
        ExpertTurns::SatOut(&stream.turn);
        continue;
      }
      ExpertTurns::Ran(&stream.turn);
      ++stream.num_run;
      for (size_t layer = 0; layer < kLayers; ++layer) turns_->Observe(layer, Choice(stream.topic), &stream.turn);
    }
    for (size_t layer = 0; layer < kLayers; ++layer) turns_->AddExperts(layer, 8);
    turns_->EndStep(/*is_typical=*/true, 2, 1.9, 30);
  }

  std::vector<int32_t> Choice(int topic) {
    std::vector<int32_t> chosen;
    while (chosen.size() < 4) {
      const int32_t expert = topic * 8 + static_cast<int32_t>(random_() % 8);
      if (std::find(chosen.begin(), chosen.end(), expert) == chosen.end()) chosen.push_back(expert);
    }
    return chosen;
  }
  // And a few steps more, within the first cycle of turns.
  void StepUntilTurns() {
    for (int i = 0; i < 100 && turns_->num_groups() == 1; ++i) Step();
    ASSERT_EQ(turns_->num_groups(), 2);
    for (int i = 0; i < 3; ++i) Step();
  }
  size_t num_held() const { return static_cast<size_t>(std::count(held_.begin(), held_.end(), 1)); }

  std::mt19937 random_{5};
  std::unique_ptr<ExpertTurns> turns_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<ExpertTurns::Member> members_;
  std::vector<uint8_t> held_;
};

TEST_F(ExpertTurnsTest, TopicsTakeTurnsAndGetTheSame) {
  Start(12);
  for (int i = 0; i < 6; ++i) Add(i % 2);
  StepUntilTurns();
  for (const auto& stream : streams_) stream->num_run = 0;
  for (int i = 0; i < 120; ++i) {
    Step();
    EXPECT_EQ(num_held(), 3u);
    for (const auto& stream : streams_) EXPECT_LE(stream->turn.passed_over, 12);
  }
  for (const auto& stream : streams_) EXPECT_EQ(stream->num_run, 60);
}

TEST_F(ExpertTurnsTest, WhoeverComesRunsAndWhoeverGoesGivesTheTurnAway) {
  Start(8);
  for (int i = 0; i < 6; ++i) Add(i % 2);
  StepUntilTurns();
  Stream& late = Add(0);
  Step();
  EXPECT_EQ(late.num_run, 1) << "it runs in every turn until the next cycle";
  std::erase_if(streams_, [](const auto& stream) { return stream->topic == 1; });
  for (int i = 0; i < 40; ++i) {
    Step();
    EXPECT_LT(num_held(), streams_.size());
  }
  EXPECT_EQ(num_held(), 0u) << "one topic is left";
}

TEST_F(ExpertTurnsTest, NobodySitsOutWhileLowerPriorityRuns) {
  Start(8);
  for (int i = 0; i < 6; ++i) Add(i % 2, /*priority=*/1);
  StepUntilTurns();
  Add(0, /*priority=*/0);
  for (int i = 0; i < 20; ++i) {
    Step();
    EXPECT_EQ(num_held(), 0u);
  }
}

TEST_F(ExpertTurnsTest, NobodyIsEverPassedOverTooOften) {
  for (const int32_t most : {1, 2, 3, 7}) {
    Start(most);
    streams_.clear();
    size_t total_held = 0;
    for (int i = 0; i < 400; ++i) {
      if (streams_.size() < 3 || random_() % 10 == 0) Add(static_cast<int>(random_() % 2), random_() % 8 == 0 ? 1 : 0);
      if (streams_.size() > 3 && random_() % 12 == 0)
        streams_.erase(streams_.begin() + static_cast<ptrdiff_t>(random_() % streams_.size()));
      Step();
      total_held += num_held();
      ASSERT_LT(num_held(), streams_.size());
      for (const auto& stream : streams_) ASSERT_LE(stream->turn.passed_over, most);
    }
    if (most == 7) {
      EXPECT_GT(total_held, 50u);
    }
  }
}

TEST_F(ExpertTurnsTest, AloneAndInCrowdsThereAreNoTurns) {
  Start(4);
  Add(0);
  for (int i = 0; i < 20; ++i) Step();
  EXPECT_EQ(num_held(), 0u);
  for (size_t i = 0; i < ExpertTurns::kMaxSequences; ++i) Add(static_cast<int>(i % 2));
  for (int i = 0; i < 30; ++i) {
    Step();
    EXPECT_EQ(num_held(), 0u);
  }
}

}  // namespace
}  // namespace foregate
