#include "server/generation/generation_collector.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/generation/status_details.h"

namespace foregate {

absl::Status GenerationCollector::Add(GenerationDelta delta) {
  num_bytes_ += ApproximateBytes(delta);
  if (num_bytes_ > max_bytes_) {
    return WithReason(
        absl::ResourceExhaustedError("reply too large: at least " + std::to_string(num_bytes_) + " bytes, limit " +
                                     std::to_string(max_bytes_) + "; stream it or ask for fewer log-probabilities"),
        reason::kReplyTooLarge);
  }
  AppendDelta(std::move(delta), &total_);
  return absl::OkStatus();
}

GenerationDelta GenerationCollector::Take() {
  GenerationDelta all = std::move(total_);
  std::sort(all.samples.begin(), all.samples.end(),
            [](const SampleDelta& a, const SampleDelta& b) { return a.index < b.index; });
  return all;
}

}  // namespace foregate
