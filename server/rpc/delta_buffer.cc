#include "server/rpc/delta_buffer.h"

#include <string>
#include <utility>

#include "kernels/base/check.h"
#include "server/generation/status_details.h"

namespace foregate {

absl::Status DeltaBuffer::Push(GenerationDelta delta, Next* next) {
  *next = Next{};
  std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(!ended_);
  if (dropping_) return absl::OkStatus();
  const size_t num_bytes = ApproximateBytes(delta);
  const size_t num_counted_bytes = delta.prompt_logprobs.empty() ? num_bytes : 0;
  if (num_waiting_bytes_ + num_counted_bytes > max_bytes_) {
    dropping_ = true;
    waiting_.clear();
    num_waiting_bytes_ = 0;
    return WithReason(absl::ResourceExhaustedError("slow reader: more than " + std::to_string(max_bytes_) +
                                                   " bytes of output wait for this client"),
                      reason::kSlowReader);
  }
  num_waiting_bytes_ += num_counted_bytes;
  if (waiting_.empty() || waiting_.back().num_bytes >= message_bytes_) waiting_.emplace_back();
  waiting_.back().num_bytes += num_bytes;
  waiting_.back().num_counted_bytes += num_counted_bytes;
  AppendDelta(std::move(delta), &waiting_.back().delta);
  *next = NextLocked();
  return absl::OkStatus();
}

DeltaBuffer::Next DeltaBuffer::End(const absl::Status& status, const GenerationSummary& summary) {
  std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(!ended_);
  ended_ = true;
  status_ = status;
  summary_ = summary;
  return NextLocked();
}

DeltaBuffer::Next DeltaBuffer::WriteDone(bool ok) {
  std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(in_flight_);
  in_flight_ = false;
  if (!ok) {
    dropping_ = true;
    waiting_.clear();
    num_waiting_bytes_ = 0;
  }
  return NextLocked();
}

DeltaBuffer::Next DeltaBuffer::NextLocked() {
  Next next;
  if (in_flight_ || finished_) return next;
  const bool succeeds = ended_ && status_.ok() && !dropping_;
  if (!waiting_.empty()) {
    // Counted until it is handed out: from then on the transport's own flow control bounds it.
    next.delta = std::move(waiting_.front().delta);
    num_waiting_bytes_ -= waiting_.front().num_counted_bytes;
    waiting_.pop_front();
  } else if (!ended_) {
    return next;
  } else if (!succeeds) {
    next.kind = Next::Kind::kFinish;
    next.status = status_.ok() ? absl::CancelledError("the client has gone") : status_;
    next.summary = std::move(summary_);
    finished_ = true;
    return next;
  }
  if (succeeds && waiting_.empty()) {
    next.kind = Next::Kind::kWriteLast;
    next.summary = std::move(summary_);
    finished_ = true;
  } else {
    next.kind = Next::Kind::kWrite;
    in_flight_ = true;
  }
  return next;
}

}  // namespace foregate
