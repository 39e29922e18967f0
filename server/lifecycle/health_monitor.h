// HealthMonitor: decides whether the server is SERVING, from the engine's step progress and the disk's answers and not
// from an open socket.
//
// Thread-safe. `publish` is called from the monitor's thread and from TurnOff, one call at a time, on every change and
// once at start.
#ifndef FOREGATE_SERVER_LIFECYCLE_HEALTH_MONITOR_H_
#define FOREGATE_SERVER_LIFECYCLE_HEALTH_MONITOR_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/host/clock.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

struct HealthInput {
  ServerPhase phase = ServerPhase::kLoading;
  bool is_turned_off = false;
  int64_t step_started_us = 0;                 // EngineLoad's
  std::chrono::microseconds store_silence{0};  // FetchCounters'; 0 as well when no experts are read
};

struct HealthLimits {
  std::chrono::milliseconds step{0};   // that one step may take
  std::chrono::milliseconds store{0};  // that a read of experts may take to be answered
};

// Serving means: the model is loaded, nobody drains, no step is running for longer than its limit, and the disk that
// experts are read from answers. Empty when it is so, else why not. Pure.
std::string WhyNotServing(const HealthInput& input, std::chrono::microseconds now, const HealthLimits& limits);

class HealthMonitor {
 public:
  // `state` and `clock` outlive the monitor. `clock` is the engine's.
  HealthMonitor(const ServingState* state, const Clock* clock, const HealthLimits& limits,
                std::function<void(bool is_serving, const std::string& why_not)> publish);
  ~HealthMonitor();

  // NOT_SERVING from now on, published before this returns.
  void TurnOff();

 private:
  void Evaluate();
  void ThreadMain();

  const ServingState* const state_;
  const Clock* const clock_;
  const HealthLimits limits_;
  const std::function<void(bool, const std::string&)> publish_;
  std::mutex mutex_;
  std::condition_variable stop_condition_;
  bool is_turned_off_ = false;     // guarded by mutex_
  bool is_stopping_ = false;       // guarded by mutex_
  std::optional<bool> published_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_HEALTH_MONITOR_H_
