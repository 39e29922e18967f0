#include "engine/moe/expert_guess.h"

#include <gtest/gtest.h>

#include "engine/moe/guess_calibration.h"
#include "engine/moe/guess_judge.h"

namespace foregate {
namespace {

TEST(GuessUnion, AnyRowWantsIt) {
  GuessUnion joined(4);
  joined.Add(2, 0.5f);
  joined.Add(2, 0.5f);
  joined.Add(0, 1.0f);
  std::vector<ExpertGuess> guesses = {{3, 1}};
  joined.Collect(&guesses);
  EXPECT_EQ(guesses, (std::vector<ExpertGuess>{{0, 1.0f}, {2, 0.75f}}));
  joined.Clear();
  joined.Collect(&guesses);
  EXPECT_TRUE(guesses.empty());
}

TEST(SelectGuesses, LikeliestFirstWithinTheBudget) {
  std::vector<ExpertGuess> guesses = {{1, 0.5f}, {2, 0.9f}, {3, 0.5f}, {4, 0.2f}};
  EXPECT_EQ(SelectGuesses(guesses, 100, {.bytes_per_layer = 1000, .min_probability = 0.3f}), 3u);
  EXPECT_EQ(guesses[0].expert, 2);
  EXPECT_EQ(guesses[1].expert, 1);
  EXPECT_EQ(guesses[2].expert, 3);
  EXPECT_EQ(SelectGuesses(guesses, 100, {.bytes_per_layer = 299, .min_probability = 0}), 2u);
  EXPECT_EQ(SelectGuesses(guesses, 100, {}), 0u);
  EXPECT_EQ(SelectGuesses({}, 100, {.bytes_per_layer = 1000, .min_probability = 0}), 0u);
}

TEST(GuessCalibration, BeginsWithWhatTheSourceSaysAndLearns) {
  GuessCalibration calibration(2, {0.9f, 0.1f});
  EXPECT_FLOAT_EQ(calibration.probability(0, 0), 0.9f);
  EXPECT_FLOAT_EQ(calibration.probability(1, 1), 0.1f);
  // Rank 0 comes true in 3 of 10 at layer 0, always at layer 1.
  for (int i = 0; i < 3000; ++i) {
    calibration.Record(0, 0, i % 10 < 3);
    calibration.Record(1, 0, true);
  }
  EXPECT_NEAR(calibration.probability(0, 0), 0.3f, 0.05f);
  EXPECT_NEAR(calibration.probability(1, 0), 1.0f, 0.05f);
  EXPECT_FLOAT_EQ(calibration.probability(0, 1), 0.1f);
}

// A layer that has seen nothing is believed to be like the others.
TEST(GuessCalibration, LayersLearnOfEachOther) {
  GuessCalibration calibration(3, {0.9f});
  for (int i = 0; i < 1000; ++i) calibration.Record(0, 0, i % 4 == 0);
  EXPECT_NEAR(calibration.probability(2, 0), 0.26f, 0.01f);
}

TEST(GuessCalibration, ForgetsWhatIsOld) {
  GuessCalibration calibration(1, {0.5f});
  for (int i = 0; i < 100000; ++i) calibration.Record(0, 0, true);
  for (int i = 0; i < 100000; ++i) calibration.Record(0, 0, false);
  EXPECT_LT(calibration.probability(0, 0), 0.01f);
  for (const GuessCalibration::Cell& cell : calibration.cells()) {
    EXPECT_LE(cell.num_guessed, GuessCalibration::kMaxGuessed);
    EXPECT_LE(cell.num_needed, cell.num_guessed);
  }
}

TEST(GuessCalibration, RestoresOnlyWhatCanBe) {
  GuessCalibration calibration(1, {0.5f});
  calibration.Record(0, 0, true);
  GuessCalibration other(1, {0.5f});
  ASSERT_TRUE(other.Restore(calibration.cells()));
  EXPECT_EQ(other.probability(0, 0), calibration.probability(0, 0));
  EXPECT_FALSE(other.Restore(calibration.cells().first(1)));
  EXPECT_FALSE(other.Restore(std::vector<GuessCalibration::Cell>{{1, 2}, {1, 1}}));
  EXPECT_FALSE(other.Restore(std::vector<GuessCalibration::Cell>{{GuessCalibration::kMaxGuessed + 1, 2}, {1, 1}}));
  EXPECT_EQ(other.probability(0, 0), calibration.probability(0, 0));
}

// A source that is right about 9 of 10, whose right guesses are resident but for one in ten.
TEST(GuessJudge, JudgesWhatIsAbsent) {
  GuessJudge judge(2, 8, 1);
  std::vector<ExpertGuess> guesses;
  for (int i = 0; i < 500; ++i) {
    guesses = {{1, 0.9f}, {2, 0.9f}, {6, 0.2f}};
    judge.Grade(1, guesses);
    judge.Judge(0, std::vector<int32_t>{6});
    judge.Judge(1, std::vector<int32_t>{i % 2 == 0 ? 1 : 3, 1, 5});
    judge.Judge(1, std::vector<int32_t>{2});  // was judged already
  }
  guesses = {{4, 0.9f}, {7, 0.2f}, {3, 0.02f}};
  judge.Grade(1, guesses);
  EXPECT_NEAR(guesses[0].probability, 0.5f, 0.05f);
  EXPECT_LT(guesses[1].probability, 0.05f);
  EXPECT_NEAR(guesses[2].probability, 0.02f, 0.01f);
  EXPECT_EQ(guesses[0].expert, 4);
}

}  // namespace
}  // namespace foregate
