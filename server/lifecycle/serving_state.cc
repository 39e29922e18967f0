#include "server/lifecycle/serving_state.h"

#include <chrono>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {
namespace {

int64_t UnixMilliseconds() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

}  // namespace

ServingState::ServingState(std::string model_name)
    : model_name_(std::move(model_name)), start_unix_ms_(UnixMilliseconds()) {}

ServerPhase ServingState::phase() const {
  std::lock_guard lock(mutex_);
  return phase_;
}

void ServingState::SetProgress(uint64_t bytes_done, uint64_t bytes_total) {
  bytes_total_.store(bytes_total, std::memory_order_relaxed);
  bytes_done_.store(bytes_done, std::memory_order_relaxed);
}

void ServingState::SetReady(std::shared_ptr<ServedModel> model) {
  FOREGATE_CHECK(model != nullptr);
  std::lock_guard lock(mutex_);
  model_ = std::move(model);
  // A drain that began while the model was loading stays a drain.
  if (phase_ == ServerPhase::kLoading) phase_ = ServerPhase::kReady;
}

void ServingState::SetFailed(absl::Status reason) {
  FOREGATE_CHECK(!reason.ok());
  std::lock_guard lock(mutex_);
  phase_ = ServerPhase::kFailed;
  failure_ = std::move(reason);
}

void ServingState::BeginDrain() {
  std::lock_guard lock(mutex_);
  if (phase_ != ServerPhase::kFailed) phase_ = ServerPhase::kDraining;
}

void ServingState::GetProgress(uint64_t* bytes_done, uint64_t* bytes_total) const {
  *bytes_done = bytes_done_.load(std::memory_order_relaxed);
  *bytes_total = bytes_total_.load(std::memory_order_relaxed);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ServingState::Ready() const {
  std::lock_guard lock(mutex_);
  switch (phase_) {
    case ServerPhase::kReady:
      return model_;
    case ServerPhase::kDraining:
      return absl::UnavailableError("the server is draining and takes no new requests");
    case ServerPhase::kFailed:
      return absl::UnavailableError("the model could not be loaded: " + std::string(failure_.message()));
    case ServerPhase::kLoading:
      break;
  }
  uint64_t done = 0;
  uint64_t total = 0;
  GetProgress(&done, &total);
  return absl::UnavailableError("model \"" + model_name_ + "\" is loading: " + std::to_string(done) + " of " +
                                std::to_string(total) + " bytes");
}

std::shared_ptr<ServedModel> ServingState::model() const {
  std::lock_guard lock(mutex_);
  return model_;
}

}  // namespace foregate
