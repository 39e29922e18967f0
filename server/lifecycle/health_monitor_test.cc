#include "server/lifecycle/health_monitor.h"

#include <future>

#include "gtest/gtest.h"
#include "server/lifecycle/waiting_engine.h"

namespace foregate {
namespace {

using std::chrono::microseconds;

constexpr microseconds kNow(10'000'000);
constexpr HealthLimits kLimits{.step = std::chrono::seconds(1), .store = std::chrono::seconds(3)};

TEST(WhyNotServing, OnlyAReadyServerThatMovesServes) {
  HealthInput input{.phase = ServerPhase::kReady};
  EXPECT_EQ(WhyNotServing(input, kNow, kLimits), "");
  input.is_turned_off = true;
  EXPECT_EQ(WhyNotServing(input, kNow, kLimits), "draining");
  for (ServerPhase phase : {ServerPhase::kLoading, ServerPhase::kDraining, ServerPhase::kFailed})
    EXPECT_NE(WhyNotServing({.phase = phase}, kNow, kLimits), "");
  EXPECT_EQ(WhyNotServing({.phase = ServerPhase::kReady, .step_started_us = 9'000'000}, kNow, kLimits), "");
  EXPECT_EQ(WhyNotServing({.phase = ServerPhase::kReady, .step_started_us = 8'999'999}, kNow, kLimits),
            "a step runs for more than 1000 ms");
}

TEST(WhyNotServing, ADiskThatDoesNotAnswerIsAReason) {
  EXPECT_EQ(WhyNotServing({.phase = ServerPhase::kReady, .store_silence = kLimits.store}, kNow, kLimits), "");
  const std::string why =
      WhyNotServing({.phase = ServerPhase::kReady, .store_silence = kLimits.store + microseconds(1)}, kNow, kLimits);
  EXPECT_NE(why.find("the disk has not answered a read of experts for more than 3000 ms"), std::string::npos) << why;
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
  const HealthLimits limits{.step = std::chrono::hours(1), .store = std::chrono::hours(1)};
  HealthMonitor monitor(&state, &clock, limits, [&](bool serving, const std::string&) { published.Publish(serving); });
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

TEST(HealthMonitor, FollowsTheDisk) {
  ServingState state("mini");
  const SystemClock clock;
  Publications published;
  const HealthLimits limits{.step = std::chrono::hours(1), .store = std::chrono::hours(1)};
  FetchCounters store;
  auto model = std::make_shared<ServedModel>();
  auto engine = std::make_unique<WaitingEngine>();
  engine->set_expert_tier({.num_experts = 8, .num_slots = 2, .store = &store});
  model->engine = std::move(engine);
  state.SetReady(model);
  HealthMonitor monitor(&state, &clock, limits, [&](bool serving, const std::string&) { published.Publish(serving); });
  EXPECT_TRUE(published.WaitForLast(true));
  const auto now = std::chrono::duration_cast<microseconds>(clock.Now().time_since_epoch());
  store.silent_since_us = (now - std::chrono::hours(2)).count();
  EXPECT_TRUE(published.WaitForLast(false));
  store.silent_since_us = (now - std::chrono::minutes(2)).count();
  EXPECT_TRUE(published.WaitForLast(true)) << "it answered";
  store.silent_since_us = 0;
  EXPECT_TRUE(published.WaitForLast(true));
}

}  // namespace
}  // namespace foregate
