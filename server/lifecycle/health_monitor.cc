#include "server/lifecycle/health_monitor.h"

#include <algorithm>
#include <utility>

namespace foregate {
namespace {

// Often enough that a loaded model is announced at once for a human and for a probe.
constexpr std::chrono::milliseconds kPeriod(50);

std::chrono::microseconds SinceEpoch(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
}

}  // namespace

std::string WhyNotServing(const HealthInput& input, std::chrono::microseconds now, const HealthLimits& limits) {
  if (input.is_turned_off) return "draining";
  switch (input.phase) {
    case ServerPhase::kLoading:
      return "the model is being loaded";
    case ServerPhase::kDraining:
      return "draining";
    case ServerPhase::kFailed:
      return "the model could not be loaded";
    case ServerPhase::kReady:
      break;
  }
  if (input.step_started_us != 0 && now - std::chrono::microseconds(input.step_started_us) > limits.step)
    return "a step runs for more than " + std::to_string(limits.step.count()) + " ms";
  if (input.store_silence > limits.store)
    return "the disk has not answered a read of experts for more than " + std::to_string(limits.store.count()) +
           " ms; requests that need them end with UNAVAILABLE";
  return "";
}

HealthMonitor::HealthMonitor(const ServingState* state, const Clock* clock, const HealthLimits& limits,
                             std::function<void(bool, const std::string&)> publish)
    : state_(state), clock_(clock), limits_(limits), publish_(std::move(publish)) {
  thread_ = std::thread([this] { ThreadMain(); });
}

HealthMonitor::~HealthMonitor() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stop_condition_.notify_all();
  thread_.join();
}

void HealthMonitor::TurnOff() {
  std::lock_guard lock(mutex_);
  is_turned_off_ = true;
  Evaluate();
}

void HealthMonitor::Evaluate() {
  const std::shared_ptr<ServedModel> model = state_->model();
  const auto now = clock_->Now();
  HealthInput input{.phase = state_->phase(), .is_turned_off = is_turned_off_};
  if (model != nullptr && model->engine != nullptr) {
    input.step_started_us = model->engine->load().step_started_us;
    const ExpertTier tier = model->engine->expert_tier();
    if (tier.store != nullptr) input.store_silence = tier.store->SilentFor(now);
  }
  const std::string why_not = WhyNotServing(input, SinceEpoch(now), limits_);
  if (published_ == why_not.empty()) return;
  published_ = why_not.empty();
  publish_(*published_, why_not);
}

void HealthMonitor::ThreadMain() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    Evaluate();
    stop_condition_.wait_for(lock, kPeriod);
  }
}

}  // namespace foregate
