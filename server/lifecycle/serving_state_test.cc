#include "server/lifecycle/serving_state.h"

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(ServingState, AnswersUnavailableWithProgressWhileLoading) {
  ServingState state("mini");
  state.SetProgress(3, 10);
  const absl::Status status = state.Ready().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(status.message()), "model \"mini\" is loading: 3 of 10 bytes");
  EXPECT_EQ(state.model(), nullptr);
}

TEST(ServingState, HandsOutTheModelOnceReady) {
  ServingState state("mini");
  auto model = std::make_shared<ServedModel>();
  state.SetReady(model);
  ASSERT_TRUE(state.Ready().ok());
  EXPECT_EQ(*state.Ready(), model);
  EXPECT_EQ(state.phase(), ServerPhase::kReady);
}

TEST(ServingState, RefusesNewWorkButKeepsTheModelWhileDraining) {
  ServingState state("mini");
  auto model = std::make_shared<ServedModel>();
  state.SetReady(model);
  state.BeginDrain();
  state.BeginDrain();
  EXPECT_EQ(state.Ready().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(state.model(), model);
}

TEST(ServingState, ADrainDuringLoadingIsNotUndoneByTheLoader) {
  ServingState state("mini");
  state.BeginDrain();
  state.SetReady(std::make_shared<ServedModel>());
  EXPECT_EQ(state.phase(), ServerPhase::kDraining);
  EXPECT_FALSE(state.Ready().ok());
}

TEST(ServingState, AFailureIsReportedAndFinal) {
  ServingState state("mini");
  state.SetFailed(absl::NotFoundError("config.json: no such file"));
  state.BeginDrain();
  EXPECT_EQ(state.phase(), ServerPhase::kFailed);
  EXPECT_NE(std::string(state.Ready().status().message()).find("config.json: no such file"), std::string::npos);
}

}  // namespace
}  // namespace foregate
