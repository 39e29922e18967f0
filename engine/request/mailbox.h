// Mailbox: how other threads talk to the engine thread. Bounded, never blocks a producer, and the registry of live ids.
//
// Submissions are refused when the queue is full. Cancels and stops are never lost and need no room: each is a flag in
// the entry of its live request. Thread-safe: one mutex, held for a few map operations; no callback runs under it.
#ifndef FOREGATE_ENGINE_REQUEST_MAILBOX_H_
#define FOREGATE_ENGINE_REQUEST_MAILBOX_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/request/generation_request.h"
#include "engine/request/token_sink.h"

namespace foregate {

struct MailboxLimits {
  int32_t max_queued_requests = 0;
  int64_t max_queued_tokens = 0;  // one request always fits an empty queue
};

struct Submission {
  GenerationRequest request;
  std::shared_ptr<TokenSink> sink;
};

struct MailboxContents {
  std::vector<Submission> submissions;
  std::vector<std::pair<std::string, absl::Status>> cancels;  // request id, reason
  std::vector<std::pair<std::string, int32_t>> stops;         // request id, sample
};

struct QueueDepth {
  int32_t requests = 0;
  int64_t tokens = 0;
};

class Mailbox {
 public:
  explicit Mailbox(const MailboxLimits& limits) : limits_(limits) {}

  // Any thread.
  // ALREADY_EXISTS for a live id, RESOURCE_EXHAUSTED with the numbers when the queue is full, UNAVAILABLE after
  // StopAccepting().
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);
  // The first reason given counts. False when no such request lives.
  bool Cancel(const std::string& id, absl::Status reason);
  void StopSample(const std::string& id, int32_t sample);
  void StopAccepting();
  // The engine thread shall end: wakes it, and drops the rows of the step that runs.
  void Shutdown();
  bool shutdown() const { return shutdown_.load(std::memory_order_acquire); }
  // Requests and tokens that wait, in here and in the engine loop.
  QueueDepth depth() const;

  // Engine thread.
  // Something may be in the mailbox; cheap enough to ask between two layers.
  bool HasMail() const { return has_mail_.load(std::memory_order_acquire); }
  // Overwrites `contents`. What is taken counts as waiting in the loop until SetWaiting().
  void Drain(MailboxContents* contents);
  // What waits in the loop now.
  void SetWaiting(const QueueDepth& waiting);
  // The request has ended: its id may be used again, signals for it go nowhere.
  void Forget(const std::string& id);
  // Returns when there is mail, on Shutdown(), or after `timeout`.
  void WaitForMail(std::chrono::microseconds timeout);

 private:
  struct LiveRequest {
    bool has_signal = false;  // its id is in signalled_
    bool cancelled = false;   // for good: later reasons are ignored
    bool cancel_pending = false;
    absl::Status reason;
    std::vector<uint8_t> stops;  // [num_samples]: 1 pending
  };
  void Signal(const std::string& id, LiveRequest* live);  // requires mutex_

  const MailboxLimits limits_;
  std::atomic<bool> has_mail_{false};
  std::atomic<bool> shutdown_{false};
  mutable std::mutex mutex_;
  std::condition_variable mail_;
  // Guarded by mutex_.
  bool accepting_ = true;
  std::unordered_map<std::string, LiveRequest> live_;
  std::vector<std::string> signalled_;  // ids with a pending cancel or stop, each once
  std::vector<Submission> submissions_;
  QueueDepth in_mailbox_;
  QueueDepth in_loop_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_REQUEST_MAILBOX_H_
