#include "server/lifecycle/drain_controller.h"

#include <atomic>
#include <future>
#include <string>

#include "gtest/gtest.h"
#include "server/lifecycle/waiting_engine.h"

namespace foregate {
namespace {

using std::chrono::milliseconds;

class StatusSink final : public TokenSink {
 public:
  void OnPromptLogprobs(std::vector<TokenRecord>) override {}
  void OnToken(int32_t, TokenRecord) override {}
  void OnSampleFinish(int32_t, FinishReason) override {}
  void OnDone(const absl::Status& status, const RequestSummary&) override { status_.set_value(status); }
  absl::Status WaitForStatus() { return status_.get_future().get(); }

 private:
  std::promise<absl::Status> status_;
};

class DrainControllerTest : public ::testing::Test {
 protected:
  DrainControllerTest() {
    auto engine = std::make_unique<WaitingEngine>();
    engine_ = engine.get();
    auto model = std::make_shared<ServedModel>();
    model->engine = TrackRequests(std::move(engine), &live_);
    model_ = model;
  }

  DrainController Controller(milliseconds timeout, milliseconds notice = milliseconds(0)) {
    return DrainController(&state_, &admission_, &live_, [this] { ++health_turned_off_; },
                           {notice, timeout, milliseconds(5000)});
  }

  std::shared_ptr<StatusSink> Submit(const std::string& id) {
    auto sink = std::make_shared<StatusSink>();
    GenerationRequest request;
    request.id = id;
    EXPECT_TRUE(model_->engine->Submit(std::move(request), sink).ok());
    return sink;
  }

  LiveRequests live_;
  AdmissionController admission_{8};
  ServingState state_{"mini"};
  std::atomic<int> health_turned_off_{0};
  WaitingEngine* engine_ = nullptr;
  std::shared_ptr<ServedModel> model_;
};

TEST_F(DrainControllerTest, AnIdleServerIsDoneAtOnce) {
  state_.SetReady(model_);
  DrainController controller = Controller(std::chrono::hours(1));
  controller.Begin(std::nullopt);
  EXPECT_TRUE(controller.WaitUntilDone().is_done);
  EXPECT_EQ(health_turned_off_, 1);
  EXPECT_EQ(state_.phase(), ServerPhase::kDraining);
  EXPECT_FALSE(engine_->is_accepting());
}

TEST_F(DrainControllerTest, ALoadingServerIsDoneAtOnceWhateverTheNotice) {
  DrainController controller = Controller(std::chrono::hours(1), std::chrono::hours(1));
  controller.Begin(std::nullopt);
  EXPECT_EQ(controller.WaitUntilDone().cancelled_requests, 0);
}

TEST_F(DrainControllerTest, WaitsForRunningRequestsAndCalls) {
  state_.SetReady(model_);
  const auto sink = Submit("a");
  std::optional<AdmissionPermit> permit = *admission_.Admit();
  DrainController controller = Controller(std::chrono::hours(1));
  controller.Begin(std::nullopt);
  EXPECT_FALSE(controller.progress().is_done);
  EXPECT_EQ(controller.progress().running_requests, 1);
  engine_->End("a", absl::OkStatus());
  EXPECT_FALSE(controller.progress().is_done);  // its last message is still on the way
  permit.reset();
  const DrainProgress progress = controller.WaitUntilDone();
  EXPECT_EQ(progress.cancelled_requests, 0);
  EXPECT_TRUE(sink->WaitForStatus().ok());
}

TEST_F(DrainControllerTest, CancelsWhatTheTimeoutLeavesOver) {
  state_.SetReady(model_);
  const auto a = Submit("a");
  const auto b = Submit("b");
  DrainController controller = Controller(milliseconds(0));
  controller.Begin(std::nullopt);
  EXPECT_EQ(controller.WaitUntilDone().cancelled_requests, 2);
  EXPECT_EQ(a->WaitForStatus().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(b->WaitForStatus().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(live_.ids().empty());
}

TEST_F(DrainControllerTest, ASecondBeginJoinsAndCanOnlyShorten) {
  state_.SetReady(model_);
  const auto sink = Submit("a");
  DrainController controller = Controller(std::chrono::hours(1));
  controller.Begin(std::nullopt);
  controller.Begin(std::chrono::hours(2));
  EXPECT_FALSE(controller.progress().is_done);
  controller.Begin(milliseconds(0));
  EXPECT_EQ(controller.WaitUntilDone().cancelled_requests, 1);
  EXPECT_EQ(health_turned_off_, 1);
}

TEST_F(DrainControllerTest, ServesDuringTheNotice) {
  state_.SetReady(model_);
  DrainController controller = Controller(milliseconds(0), std::chrono::hours(1));
  controller.Begin(std::nullopt);
  EXPECT_TRUE(state_.Ready().ok());
  EXPECT_TRUE(engine_->is_accepting());
}

TEST_F(DrainControllerTest, TrackingRefusesALiveIdAndForgetsARefusedOne) {
  const auto sink = Submit("a");
  GenerationRequest again;
  again.id = "a";
  EXPECT_EQ(model_->engine->Submit(std::move(again), std::make_shared<StatusSink>()).code(),
            absl::StatusCode::kAlreadyExists);
  model_->engine->StopAccepting();
  GenerationRequest late;
  late.id = "b";
  EXPECT_FALSE(model_->engine->Submit(std::move(late), std::make_shared<StatusSink>()).ok());
  EXPECT_EQ(live_.ids(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace foregate
