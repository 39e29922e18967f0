#include "server/lifecycle/expert_budget.h"

#include <algorithm>

#include "kernels/base/status_macros.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {

absl::StatusOr<ExpertBudget> ChooseExpertBytes(const ExpertMemorySetting& setting, const ExpertBudgetInput& input) {
  using Kind = ExpertMemorySetting::Kind;
  const auto value = static_cast<uint64_t>(setting.value);
  if (setting.kind == Kind::kAll || input.all_expert_bytes == 0) return ExpertBudget{};
  if (setting.kind == Kind::kBytes) return ExpertBudget{.expert_bytes = value, .kv_bytes = {}};
  if (setting.kind == Kind::kPercent) {
    // In two steps: a petabyte times a hundred is more than 64 bits hold.
    const uint64_t bytes = input.all_expert_bytes / 100 * value + input.all_expert_bytes % 100 * value / 100;
    return ExpertBudget{.expert_bytes = bytes, .kv_bytes = {}};
  }
  if (ChooseKvBytes(input.memory).ok()) return ExpertBudget{};
  KvBudgetInput rest = input.memory;
  rest.weights_bytes -= input.all_expert_bytes;
  FOREGATE_ASSIGN_OR_RETURN(const int64_t most_kv_bytes, ChooseKvBytes(rest));
  const uint64_t shared_bytes =
      rest.limit_bytes - rest.weights_bytes - rest.workspace_bytes - kProcessReserveBytes;  // with KV
  const uint64_t kv_bytes =
      rest.configured_bytes
          ? static_cast<uint64_t>(*rest.configured_bytes)
          : std::max(SequenceKvBytes(rest), std::min(static_cast<uint64_t>(most_kv_bytes), shared_bytes / 8));
  // At least a byte: too little for two experts is an error that names what they need.
  return ExpertBudget{.expert_bytes = std::max<uint64_t>(shared_bytes - kv_bytes, 1),
                      .kv_bytes = static_cast<int64_t>(kv_bytes)};
}

}  // namespace foregate
