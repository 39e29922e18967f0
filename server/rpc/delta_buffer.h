// DeltaBuffer: the state of one outgoing stream. It coalesces what comes while a write is in flight, keeps one write in
// flight, ends exactly once, and is bounded. It holds no stream: each call says what to do with it next.
//
//   Push*, End once      from the text thread of the request
//   WriteDone            from the transport, once per kWrite
//
// The concatenation of all deltas handed out equals that of all deltas pushed, unless the reader was refused or is
// gone. Thread-safe; one lock, never held while the caller acts.
#ifndef FOREGATE_SERVER_RPC_DELTA_BUFFER_H_
#define FOREGATE_SERVER_RPC_DELTA_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

#include "absl/status/status.h"
#include "server/generation/generation_delta.h"

namespace foregate {

class DeltaBuffer {
 public:
  struct Next {
    enum class Kind : uint8_t {
      kNothing,
      kWrite,      // write `delta`, then call WriteDone
      kWriteLast,  // write `delta` with `summary` and end the stream OK; nothing follows
      kFinish,     // end the stream with `status`; nothing follows
    };
    Kind kind = Kind::kNothing;
    GenerationDelta delta;
    GenerationSummary summary;
    absl::Status status;
  };

  // `max_bytes` bounds what waits for the reader. Log-probabilities of the prompt do not count: they come all at once
  // and are bounded by the prompt. A message is closed to more deltas once it has `message_bytes`.
  DeltaBuffer(size_t max_bytes, size_t message_bytes) : max_bytes_(max_bytes), message_bytes_(message_bytes) {}

  // RESOURCE_EXHAUSTED (reason SLOW_READER) when more than max_bytes would wait; what waited is dropped then, and so is
  // everything later.
  absl::Status Push(GenerationDelta delta, Next* next);
  // What waits is still delivered, then the stream ends with `status`.
  Next End(const absl::Status& status, const GenerationSummary& summary);
  // Not ok: the reader is gone; what waits is dropped.
  Next WriteDone(bool ok);

 private:
  struct Message {
    GenerationDelta delta;
    size_t num_bytes = 0;
    size_t num_counted_bytes = 0;  // without those of prompt log-probabilities
  };
  Next NextLocked();

  const size_t max_bytes_;
  const size_t message_bytes_;
  std::mutex mutex_;
  std::deque<Message> waiting_;
  size_t num_waiting_bytes_ = 0;  // of samples' deltas
  bool in_flight_ = false;
  bool dropping_ = false;  // refused or gone
  bool ended_ = false;
  bool finished_ = false;  // kWriteLast or kFinish was handed out
  absl::Status status_;
  GenerationSummary summary_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_DELTA_BUFFER_H_
