// How much memory the KV cache gets. Pure.
#ifndef FOREGATE_SERVER_LIFECYCLE_KV_BUDGET_H_
#define FOREGATE_SERVER_LIFECYCLE_KV_BUDGET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

struct KvBudgetInput {
  uint64_t limit_bytes = 0;
  std::string limit_source;  // for messages: "--memory", "/sys/fs/cgroup/memory.max"
  uint64_t weights_bytes = 0;
  uint64_t workspace_bytes = 0;
  uint64_t kv_bytes_per_token = 0;  // over all layers
  int32_t block_tokens = 0;
  int32_t sequence_tokens = 0;  // context limit
  int32_t max_running_requests = 0;
  std::optional<int64_t> configured_bytes;  // engine.kv_bytes
};

// KV of one sequence as long as the context limit.
uint64_t SequenceKvBytes(const KvBudgetInput& input);

// The configured size; else what max_running_requests full sequences need, at most half of what weights and buffers
// leave, at least one full sequence. FAILED_PRECONDITION with all the numbers when it does not fit.
absl::StatusOr<int64_t> ChooseKvBytes(const KvBudgetInput& input);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_KV_BUDGET_H_
