// HealthMonitor: decides whether the server is SERVING, from the engine's step progress and not from an open socket.
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
#include <thread>

#include "engine/host/clock.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

// Serving means: the model is loaded, nobody drains, and no step is running for longer than `stall_timeout`.
bool IsServing(ServerPhase phase, bool is_turned_off, const EngineLoad& load, std::chrono::microseconds now,
               std::chrono::microseconds stall_timeout);

class HealthMonitor {
 public:
  // `state` and `clock` outlive the monitor. `clock` is the engine's.
  HealthMonitor(const ServingState* state, const Clock* clock, std::chrono::milliseconds stall_timeout,
                std::function<void(bool is_serving)> publish);
  ~HealthMonitor();

  // NOT_SERVING from now on, published before this returns.
  void TurnOff();

 private:
  void Evaluate();
  void ThreadMain();

  const ServingState* const state_;
  const Clock* const clock_;
  const std::chrono::milliseconds stall_timeout_;
  const std::function<void(bool)> publish_;
  std::mutex mutex_;
  std::condition_variable stop_condition_;
  bool is_turned_off_ = false;     // guarded by mutex_
  bool is_stopping_ = false;       // guarded by mutex_
  std::optional<bool> published_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_HEALTH_MONITOR_H_
