#include "engine/model/memory_plan.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "engine/model/kv_planes.h"

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
  if (expert_store_bytes > 0) text += Line("expert store", expert_store_bytes);
  return text + Line("workspace", workspace_bytes) + "  KV cache               " + std::to_string(kv_bytes_per_token) +
         " bytes per token\n";
}

MemoryPlan PlanMemory(const ModelConfig& config, const WeightPlan& weights, const WorkspaceLimits& limits,
                      uint64_t num_expert_slots, int32_t max_positions, DType kv_dtype) {
  MemoryPlan plan;
  const uint64_t num_experts = weights.experts.size();
  const uint64_t num_slots = num_expert_slots == 0 ? num_experts : std::min(num_expert_slots, num_experts);
  plan.dense_bytes = weights.dense_bytes;
  plan.lookup_bytes = weights.lookup_bytes;
  plan.expert_bytes = num_slots * weights.experts.max_block_bytes();
  plan.expert_store_bytes = num_slots < num_experts ? weights.expert_bytes() : 0;
  const WorkspaceBytes workspace = MeasureWorkspace(config, limits);
  // Cosines and sines, half a head each.
  const uint64_t rope_bytes =
      static_cast<uint64_t>(max_positions) * static_cast<uint64_t>(config.attention.head_dim) * sizeof(float);
  plan.workspace_bytes = workspace.device + workspace.host + rope_bytes;
  for (const KvLayout& layout : MakeKvLayouts(config, kv_dtype)) plan.kv_bytes_per_token += layout.bytes_per_token();
  return plan;
}

}  // namespace foregate
