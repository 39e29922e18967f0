#include "client/retry_policy.h"

#include <algorithm>

namespace foregate {

std::optional<std::chrono::milliseconds> RetryPolicy::NextDelay(std::optional<std::chrono::milliseconds> hint) {
  std::chrono::milliseconds delay;
  if (hint) {
    delay = std::max(*hint, kShortestDelay);
  } else {
    if (++blind_attempts_ >= kBlindAttempts) return std::nullopt;
    delay = kFirstBlindDelay * (1 << (blind_attempts_ - 1));
  }
  if (delay > remaining_) return std::nullopt;
  remaining_ -= delay;
  return delay;
}

}  // namespace foregate
