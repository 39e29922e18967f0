// CancelLink: joins a call's cancellation with a request that may not have been submitted yet.
#ifndef FOREGATE_SERVER_RPC_CANCEL_LINK_H_
#define FOREGATE_SERVER_RPC_CANCEL_LINK_H_

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "server/generation/running_generation.h"

namespace foregate {

// Thread-safe. Whichever of Cancel and Attach comes second passes the cancellation on.
class CancelLink {
 public:
  void Cancel(absl::Status reason) {
    std::shared_ptr<RunningGeneration> running;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      reason_ = reason;
      running = running_;
    }
    if (running != nullptr) running->Cancel(std::move(reason));
  }

  void Attach(std::shared_ptr<RunningGeneration> running) {
    std::optional<absl::Status> reason;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      running_ = running;
      reason = reason_;
    }
    if (reason.has_value()) running->Cancel(*std::move(reason));
  }

  // The reason of a cancellation that came already, else OK: work that has not begun need not.
  absl::Status reason() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return reason_.value_or(absl::OkStatus());
  }

 private:
  mutable std::mutex mutex_;
  std::optional<absl::Status> reason_;
  std::shared_ptr<RunningGeneration> running_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_CANCEL_LINK_H_
