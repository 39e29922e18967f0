#include "server/lifecycle/drain_controller.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace foregate {
namespace {

constexpr std::chrono::milliseconds kPollPeriod(10);

}  // namespace

DrainController::DrainController(ServingState* state, const AdmissionController* admission, const LiveRequests* live,
                                 std::function<void()> turn_health_off, Options options)
    : state_(state),
      admission_(admission),
      live_(live),
      turn_health_off_(std::move(turn_health_off)),
      options_(options) {}

DrainController::~DrainController() {
  {
    std::lock_guard lock(mutex_);
    is_abandoned_ = true;
  }
  changed_.notify_all();
  if (thread_) thread_->join();
}

void DrainController::Begin(std::optional<std::chrono::milliseconds> timeout) {
  std::lock_guard lock(mutex_);
  const TimePoint now = std::chrono::steady_clock::now();
  const std::chrono::milliseconds allowed = timeout.value_or(options_.timeout);
  if (!thread_) {
    const bool has_clients = state_->phase() == ServerPhase::kReady;
    notice_end_ = has_clients ? now + options_.notice : now;
    deadline_ = notice_end_ + allowed;
    thread_.emplace([this] { ThreadMain(); });
    return;
  }
  deadline_ = std::min(deadline_, std::max(now, notice_end_) + allowed);
  changed_.notify_all();
}

DrainProgress DrainController::progress() const {
  const EngineLoad load = Load();
  std::lock_guard lock(mutex_);
  return {load.running_requests, load.waiting_requests, cancelled_requests_, is_done_};
}

DrainProgress DrainController::WaitUntilDone() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_done_; });
  }
  return progress();
}

void DrainController::ThreadMain() {
  turn_health_off_();
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, notice_end_, [this] { return is_abandoned_; });
  if (is_abandoned_) return;
  state_->BeginDrain();
  const std::shared_ptr<ServedModel> model = state_->model();
  if (model != nullptr) model->engine->StopAccepting();
  if (!WaitUntilIdle(lock, [this] { return deadline_; })) return;
  if (!IsIdle() && model != nullptr) {
    for (const std::string& id : live_->ids()) {
      if (model->engine->Cancel(id, absl::UnavailableError("the server is draining and the request's time is up")))
        ++cancelled_requests_;
    }
    const TimePoint farewell = std::chrono::steady_clock::now() + options_.farewell;
    if (!WaitUntilIdle(lock, [farewell] { return farewell; })) return;
  }
  is_done_ = true;
  changed_.notify_all();
}

bool DrainController::WaitUntilIdle(std::unique_lock<std::mutex>& lock, const std::function<TimePoint()>& deadline) {
  while (!is_abandoned_ && !IsIdle() && std::chrono::steady_clock::now() < deadline())
    changed_.wait_for(lock, kPollPeriod);
  return !is_abandoned_;
}

bool DrainController::IsIdle() const {
  const EngineLoad load = Load();
  return admission_->num_admitted() == 0 && load.running_requests == 0 && load.waiting_requests == 0;
}

EngineLoad DrainController::Load() const {
  const std::shared_ptr<ServedModel> model = state_->model();
  return model != nullptr && model->engine != nullptr ? model->engine->load() : EngineLoad();
}

}  // namespace foregate
