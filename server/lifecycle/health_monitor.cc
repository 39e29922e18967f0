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

bool IsServing(ServerPhase phase, bool is_turned_off, const EngineLoad& load, std::chrono::microseconds now,
               std::chrono::microseconds stall_timeout) {
  if (phase != ServerPhase::kReady || is_turned_off) return false;
  const std::chrono::microseconds step_started(load.step_started_us);
  return step_started.count() == 0 || now - step_started <= stall_timeout;
}

HealthMonitor::HealthMonitor(const ServingState* state, const Clock* clock, std::chrono::milliseconds stall_timeout,
                             std::function<void(bool)> publish)
    : state_(state), clock_(clock), stall_timeout_(stall_timeout), publish_(std::move(publish)) {
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
  const EngineLoad load = model != nullptr && model->engine != nullptr ? model->engine->load() : EngineLoad();
  const bool is_serving = IsServing(state_->phase(), is_turned_off_, load, SinceEpoch(clock_->Now()), stall_timeout_);
  if (published_ == is_serving) return;
  published_ = is_serving;
  publish_(is_serving);
}

void HealthMonitor::ThreadMain() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    Evaluate();
    stop_condition_.wait_for(lock, kPeriod);
  }
}

}  // namespace foregate
