// DrainController: the one way out, for SIGTERM and for AdminService.Drain alike.
//
//   1. health turns NOT_SERVING            so that load balancers look elsewhere
//   2. the notice time passes              new requests are still served (skipped while the model is loading)
//   3. new requests get UNAVAILABLE        ServingState::BeginDrain, Engine::StopAccepting
//   4. running calls end, or the timeout   then the engine's requests are cancelled with UNAVAILABLE
//   5. done
//
// Thread-safe. A second Begin joins the first; it can only make the timeout end earlier.
#ifndef FOREGATE_SERVER_LIFECYCLE_DRAIN_CONTROLLER_H_
#define FOREGATE_SERVER_LIFECYCLE_DRAIN_CONTROLLER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "server/admission/admission_controller.h"
#include "server/lifecycle/live_requests.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

struct DrainProgress {
  int32_t running_requests = 0;
  int32_t waiting_requests = 0;
  int32_t cancelled_requests = 0;
  bool is_done = false;
};

class DrainController {
 public:
  struct Options {
    std::chrono::milliseconds notice{0};
    std::chrono::milliseconds timeout{0};  // when Begin names none; counts from the end of the notice
    // What cancelled requests get to send their last words.
    std::chrono::milliseconds farewell{5000};
  };

  // Everything outlives the controller. `turn_health_off` is called once, on the controller's thread.
  DrainController(ServingState* state, const AdmissionController* admission, const LiveRequests* live,
                  std::function<void()> turn_health_off, Options options);
  // Abandons a drain that is not done.
  ~DrainController();

  // Returns at once.
  void Begin(std::optional<std::chrono::milliseconds> timeout);
  DrainProgress progress() const;
  // Blocks until the drain is done. REQUIRES: Begin was called.
  DrainProgress WaitUntilDone();

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void ThreadMain();
  // Waits until nothing runs or `deadline` (read again each time: it may move) passes. False when abandoned.
  bool WaitUntilIdle(std::unique_lock<std::mutex>& lock, const std::function<TimePoint()>& deadline);
  bool IsIdle() const;
  EngineLoad Load() const;

  ServingState* const state_;
  const AdmissionController* const admission_;
  const LiveRequests* const live_;
  const std::function<void()> turn_health_off_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  TimePoint notice_end_;               // guarded by mutex_
  TimePoint deadline_;                 // guarded by mutex_
  int32_t cancelled_requests_ = 0;     // guarded by mutex_
  bool is_done_ = false;               // guarded by mutex_
  bool is_abandoned_ = false;          // guarded by mutex_
  std::optional<std::thread> thread_;  // guarded by mutex_ until it is joined
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_DRAIN_CONTROLLER_H_
