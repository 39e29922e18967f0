// How much memory experts get. Pure.
#ifndef FOREGATE_SERVER_LIFECYCLE_EXPERT_BUDGET_H_
#define FOREGATE_SERVER_LIFECYCLE_EXPERT_BUDGET_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/config/expert_memory_setting.h"
#include "server/lifecycle/kv_budget.h"

namespace foregate {

struct ExpertBudgetInput {
  KvBudgetInput memory;           // of the model with all its experts in memory
  uint64_t all_expert_bytes = 0;  // of memory.weights_bytes
};

struct ExpertBudget {
  uint64_t expert_bytes = 0;        // 0: all experts stay in memory
  std::optional<int64_t> kv_bytes;  // chosen along with it; absent: ChooseKvBytes decides
};

// "auto": all experts when ChooseKvBytes takes them; otherwise what weights of every token, buffers and KV leave, where
// KV gets what is configured, or an eighth of what experts and KV share, at least one full sequence.
// FAILED_PRECONDITION with all the numbers when even a model without experts does not fit.
absl::StatusOr<ExpertBudget> ChooseExpertBytes(const ExpertMemorySetting& setting, const ExpertBudgetInput& input);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_EXPERT_BUDGET_H_
