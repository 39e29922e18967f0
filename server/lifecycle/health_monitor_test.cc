#include "server/lifecycle/health_monitor.h"

#include <future>

#include "gtest/gtest.h"
#include "server/lifecycle/waiting_engine.h"

namespace foregate {
namespace {

using std::chrono::microseconds;

TEST(IsServing, OnlyAReadyServerThatMovesIs) {
  EngineLoad idle;
  const microseconds now(10'000'000);
  const microseconds limit(1'000'000);
  EXPECT_TRUE(IsServing(ServerPhase::kReady, false, idle, now, limit));
  EXPECT_FALSE(IsServing(ServerPhase::kReady, true, idle, now, limit));
  for (ServerPhase phase : {ServerPhase::kLoading, ServerPhase::kDraining, ServerPhase::kFailed})
    EXPECT_FALSE(IsServing(phase, false, idle, now, limit));
  EngineLoad stepping;
  stepping.step_started_us = 9'000'000;
  EXPECT_TRUE(IsServing(ServerPhase::kReady, false, stepping, now, limit));
  stepping.step_started_us = 8'999'999;
  EXPECT_FALSE(IsServing(ServerPhase::kReady, false, stepping, now, limit));
}

// Collects what is published and lets the test wait for a value.
class Publications {
 public:
  void Publish(bool is_serving) {
    std::lock_guard lock(mutex_);
    values_.push_back(is_serving);
    changed_.notify_all();
  }
  bool WaitForLast(bool is_serving) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return !values_.empty() && values_.back() == is_serving; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> values_;
};

TEST(HealthMonitor, FollowsLoadingStallsAndDrains) {
  ServingState state("mini");
  const SystemClock clock;
  Publications published;
  HealthMonitor monitor(&state, &clock, std::chrono::hours(1), [&](bool serving) { published.Publish(serving); });
  EXPECT_TRUE(published.WaitForLast(false));
  auto model = std::make_shared<ServedModel>();
  auto engine = std::make_unique<WaitingEngine>();
  WaitingEngine* const steps = engine.get();
  model->engine = std::move(engine);
  state.SetReady(model);
  EXPECT_TRUE(published.WaitForLast(true));
  const auto now = std::chrono::duration_cast<microseconds>(clock.Now().time_since_epoch());
  steps->set_step_started_us((now - std::chrono::hours(2)).count());
  EXPECT_TRUE(published.WaitForLast(false));
  steps->set_step_started_us(0);
  EXPECT_TRUE(published.WaitForLast(true));
  monitor.TurnOff();
  EXPECT_TRUE(published.WaitForLast(false));
}

}  // namespace
}  // namespace foregate
