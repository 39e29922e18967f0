#include "client/cancellation.h"

#include <utility>

namespace foregate {

Cancellation::Registration::Registration(Cancellation* owner, std::function<void()> on_cancel) : owner_(owner) {
  const std::lock_guard<std::mutex> lock(owner_->mutex_);
  if (owner_->cancelled_) on_cancel();
  entry_ = owner_->on_cancel_.insert(owner_->on_cancel_.end(), std::move(on_cancel));
}

Cancellation::Registration::~Registration() {
  const std::lock_guard<std::mutex> lock(owner_->mutex_);
  owner_->on_cancel_.erase(entry_);
}

void Cancellation::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cancelled_) return;
  cancelled_ = true;
  for (const auto& on_cancel : on_cancel_) on_cancel();
  changed_.notify_all();
}

bool Cancellation::cancelled() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

void Cancellation::Reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = false;
}

bool Cancellation::SleepFor(std::chrono::milliseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !changed_.wait_for(lock, duration, [this] { return cancelled_; });
}

}  // namespace foregate
