#include "engine/request/mailbox.h"

#include <algorithm>

namespace foregate {

absl::Status Mailbox::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!accepting_) return absl::UnavailableError("the engine takes no more requests: it is being shut down");
  if (live_.contains(request.id)) return absl::AlreadyExistsError("request id '" + request.id + "' is running");
  const int64_t num_tokens = static_cast<int64_t>(request.prompt.size());
  const int32_t queued = in_mailbox_.requests + in_loop_.requests;
  const int64_t queued_tokens = in_mailbox_.tokens + in_loop_.tokens;
  if (queued >= limits_.max_queued_requests)
    return absl::ResourceExhaustedError("the queue is full: " + std::to_string(queued) +
                                        " requests wait, the limit is " + std::to_string(limits_.max_queued_requests));
  if (queued > 0 && queued_tokens + num_tokens > limits_.max_queued_tokens)
    return absl::ResourceExhaustedError("the queue is full: " + std::to_string(queued_tokens) +
                                        " prompt tokens wait, this request has " + std::to_string(num_tokens) +
                                        ", the limit is " + std::to_string(limits_.max_queued_tokens));
  LiveRequest& live = live_[request.id];
  live.stops.assign(static_cast<size_t>(std::max(request.num_samples, 1)), 0);
  in_mailbox_.requests += 1;
  in_mailbox_.tokens += num_tokens;
  submissions_.push_back(Submission{std::move(request), std::move(sink)});
  has_mail_.store(true, std::memory_order_release);
  mail_.notify_one();
  return absl::OkStatus();
}

bool Mailbox::Cancel(const std::string& id, absl::Status reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = live_.find(id);
  if (found == live_.end()) return false;
  LiveRequest& live = found->second;
  if (live.cancelled) return true;
  live.cancelled = live.cancel_pending = true;
  live.reason = reason.ok() ? absl::CancelledError("cancelled") : std::move(reason);
  Signal(id, &live);
  return true;
}

void Mailbox::StopSample(const std::string& id, int32_t sample) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  LiveRequest& live = found->second;
  if (sample < 0 || static_cast<size_t>(sample) >= live.stops.size()) return;
  live.stops[static_cast<size_t>(sample)] = 1;
  Signal(id, &live);
}

void Mailbox::Signal(const std::string& id, LiveRequest* live) {
  if (!live->has_signal) {
    live->has_signal = true;
    signalled_.push_back(id);
  }
  has_mail_.store(true, std::memory_order_release);
  mail_.notify_one();
}

void Mailbox::StopAccepting() {
  const std::lock_guard<std::mutex> lock(mutex_);
  accepting_ = false;
}

void Mailbox::Shutdown() {
  const std::lock_guard<std::mutex> lock(mutex_);
  accepting_ = false;
  shutdown_.store(true, std::memory_order_release);
  mail_.notify_all();
}

QueueDepth Mailbox::depth() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return QueueDepth{in_mailbox_.requests + in_loop_.requests, in_mailbox_.tokens + in_loop_.tokens};
}

void Mailbox::Drain(MailboxContents* contents) {
  contents->submissions.clear();
  contents->cancels.clear();
  contents->stops.clear();
  const std::lock_guard<std::mutex> lock(mutex_);
  has_mail_.store(false, std::memory_order_release);
  contents->submissions.swap(submissions_);
  in_loop_.requests += in_mailbox_.requests;
  in_loop_.tokens += in_mailbox_.tokens;
  in_mailbox_ = QueueDepth{};
  for (std::string& id : signalled_) {
    const auto found = live_.find(id);
    if (found == live_.end()) continue;  // ended since
    LiveRequest& live = found->second;
    live.has_signal = false;
    for (size_t sample = 0; sample < live.stops.size(); ++sample)
      if (std::exchange(live.stops[sample], 0)) contents->stops.emplace_back(id, static_cast<int32_t>(sample));
    if (std::exchange(live.cancel_pending, false)) contents->cancels.emplace_back(std::move(id), live.reason);
  }
  signalled_.clear();
}

void Mailbox::SetWaiting(const QueueDepth& waiting) {
  const std::lock_guard<std::mutex> lock(mutex_);
  in_loop_ = waiting;
}

void Mailbox::Forget(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  // A pending signal must not hit a later request of the same id, and the list must stay bounded by the live ones.
  if (found->second.has_signal) std::erase(signalled_, id);
  live_.erase(found);
}

void Mailbox::WaitForMail(std::chrono::microseconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  mail_.wait_for(lock, timeout, [&] { return HasMail() || shutdown(); });
}

}  // namespace foregate
