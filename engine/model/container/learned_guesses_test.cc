#include "engine/model/container/learned_guesses.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

namespace foregate {
namespace {

constexpr RouteShape kShape = {.num_layers = 3, .num_experts = 8, .top_k = 2};

TEST(LearnedGuesses, ARestartKnowsWhatWasLearned) {
  RoutePredictor predictor = *RoutePredictor::Create(kShape);
  for (int step = 0; step < 50; ++step) {
    for (int32_t layer = 0; layer < 3; ++layer) predictor.Observe(layer, std::vector<int32_t>{layer, 7 - layer});
  }
  const std::string path = LearnedGuessesPath(testing::TempDir() + "/model.fgw");
  EXPECT_EQ(LoadGuesses(path, kShape, 5).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(SaveGuesses(path, predictor, 5).ok());
  auto learned = LoadGuesses(path, kShape, 5);
  ASSERT_TRUE(learned.ok()) << learned.status();
  const std::vector<float> prior(8, 0.25f);
  std::vector<ExpertGuess> want, have;
  for (RoutePredictor* one : {&predictor, &*learned}) {
    one->Observe(0, std::vector<int32_t>{0, 7});
    one->Predict(1, prior, 1, one == &predictor ? &want : &have);
  }
  EXPECT_EQ(have, want);
  EXPECT_FALSE(want.empty());
  // Of another model, or of another shape, it is worth nothing.
  EXPECT_EQ(LoadGuesses(path, kShape, 6).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(LoadGuesses(path, {.num_layers = 3, .num_experts = 16, .top_k = 2}, 5).ok());
  std::ofstream(path, std::ios::binary | std::ios::app) << "x";
  EXPECT_EQ(LoadGuesses(path, kShape, 5).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LearnedGuesses, WhereNothingCanBeWrittenTheFileIsNamed) {
  const absl::Status saved = SaveGuesses("/nowhere/model.fgw.guesses", *RoutePredictor::Create(kShape), 1);
  EXPECT_EQ(saved.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(saved.message().find("/nowhere/model.fgw.guesses"), std::string::npos);
}

}  // namespace
}  // namespace foregate
