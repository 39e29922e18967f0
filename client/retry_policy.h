// RetryPolicy: whether and when a call that met UNAVAILABLE is tried again. Pure; the caller sleeps.
#ifndef FOREGATE_CLIENT_RETRY_POLICY_H_
#define FOREGATE_CLIENT_RETRY_POLICY_H_

#include <chrono>
#include <optional>

namespace foregate {

// One per call. With the server's hint (RetryInfo: it is there and says when) attempts go on until the budget is
// spent. Without one (nobody listens) they stop after kBlindAttempts, because waiting longer for a server that may not
// exist only delays the message.
class RetryPolicy {
 public:
  static constexpr int kBlindAttempts = 3;
  static constexpr std::chrono::milliseconds kFirstBlindDelay{100};
  static constexpr std::chrono::milliseconds kShortestDelay{20};

  explicit RetryPolicy(std::chrono::milliseconds budget) : remaining_(budget) {}

  // The delay before the next attempt, taken from the budget, or nothing when the call should give up.
  std::optional<std::chrono::milliseconds> NextDelay(std::optional<std::chrono::milliseconds> hint);

 private:
  std::chrono::milliseconds remaining_;
  int blind_attempts_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_RETRY_POLICY_H_
