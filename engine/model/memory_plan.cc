#include "engine/model/memory_plan.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "engine/model/kv_planes.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

std::string Line(const char* what, uint64_t bytes) {
  char line[96];
  std::snprintf(line, sizeof(line), "  %-22s %10.1f MiB (%" PRIu64 " bytes)\n", what,
                static_cast<double>(bytes) / (1 << 20), bytes);
  return line;
}

}  // namespace

std::string MemoryPlan::ToString() const {
  std::string text = Line("dense weights", dense_bytes) + Line("experts", expert_bytes);
  if (expert_bytes < all_expert_bytes) text += Line("  of all experts'", all_expert_bytes);
  if (expert_store_bytes > 0) text += Line("expert store", expert_store_bytes);
  return text + Line("workspace", workspace_bytes) + "  KV cache               " + std::to_string(kv_bytes_per_token) +
         " bytes per token\n";
}

absl::StatusOr<MemoryPlan> PlanMemory(const ModelConfig& config, const WeightPlan& weights,
                                      const WorkspaceLimits& limits, const ExpertMemory& expert_memory,
                                      int32_t max_positions, DType kv_dtype) {
  FOREGATE_ASSIGN_OR_RETURN(const SlotPlan slots, expert_memory.Plan(weights.experts));
  MemoryPlan plan;
  plan.dense_bytes = weights.dense_bytes;
  plan.lookup_bytes = weights.lookup_bytes;
  plan.num_experts = static_cast<int32_t>(weights.experts.size());
  plan.expert_bytes = slots.num_bytes();
  plan.all_expert_bytes = PlanAllSlots(weights.experts).num_bytes();
  const bool has_host_copy = slots.num_slots() < weights.experts.size() && !expert_memory.reads_container(slots);
  plan.expert_store_bytes = has_host_copy ? weights.expert_bytes() : 0;
  const WorkspaceBytes workspace = MeasureWorkspace(config, limits);
  // Cosines and sines, half a head each.
  const uint64_t rope_bytes =
      static_cast<uint64_t>(max_positions) * static_cast<uint64_t>(config.attention.head_dim) * sizeof(float);
  plan.workspace_bytes = workspace.device + workspace.host + rope_bytes;
  for (const KvLayout& layout : MakeKvLayouts(config, kv_dtype)) plan.kv_bytes_per_token += layout.bytes_per_token();
  return plan;
}

}  // namespace foregate
