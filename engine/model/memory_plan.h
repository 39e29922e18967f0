// MemoryPlan: what a model will take before any of it is taken, so that the server can compare it with its limit.
#ifndef FOREGATE_ENGINE_MODEL_MEMORY_PLAN_H_
#define FOREGATE_ENGINE_MODEL_MEMORY_PLAN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/model/expert_memory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"
#include "engine/model/workspace.h"

namespace foregate {

struct MemoryPlan {
  uint64_t dense_bytes = 0;         // weights that every token uses
  uint64_t lookup_bytes = 0;        // of these, the embedding whose rows are looked up; 0 when it is the lm_head, too
  int32_t num_experts = 0;          // over all layers
  uint64_t expert_bytes = 0;        // slots of the expert cache
  uint64_t all_expert_bytes = 0;    // what a slot for every expert would take
  uint64_t expert_store_bytes = 0;  // host copy of the experts when the cache cannot hold all
  uint64_t workspace_bytes = 0;     // activations, staging, rotary tables
  uint64_t kv_bytes_per_token = 0;  // over all layers

  uint64_t weights_bytes() const { return dense_bytes + expert_bytes + expert_store_bytes; }
  // One line each, numbers in MiB, for a log.
  std::string ToString() const;
};

// `max_positions`: rows of the rotary tables. ExpertMemory's error.
absl::StatusOr<MemoryPlan> PlanMemory(const ModelConfig& config, const WeightPlan& weights,
                                      const WorkspaceLimits& limits, const ExpertMemory& expert_memory,
                                      int32_t max_positions, DType kv_dtype);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_MEMORY_PLAN_H_
