// MemoryDivision: what a configured daemon would do with its memory: weights that stay, buffers, KV, experts. The
// daemon loads by it and `foregate plan` prints it, so that both compute the same from the same numbers. Reads config
// and headers of the model only.
#ifndef FOREGATE_SERVER_LIFECYCLE_MEMORY_DIVISION_H_
#define FOREGATE_SERVER_LIFECYCLE_MEMORY_DIVISION_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "engine/model/load_model.h"
#include "server/config/server_config.h"
#include "server/lifecycle/memory_limit.h"

namespace foregate {

// What the configuration says of loading, expert memory excepted: DivideMemory finds it. NOT_FOUND for a rules file
// that cannot be read; the errors of its parser.
absl::StatusOr<LoadOptions> ConfiguredLoad(const ServerConfig& config);

// compute.memory_bytes, else FindMemoryLimit.
absl::StatusOr<MemoryLimit> ConfiguredLimit(const ServerConfig& config);

struct MemoryDivision {
  MemoryLimit limit;
  ModelPlan plan;                   // with `expert_memory`
  ExpertMemory expert_memory;       // for LoadOptions
  int64_t kv_bytes = 0;             // of the KV cache
  int32_t sequence_tokens = 0;      // context limit
  uint64_t process_bytes = 0;       // code, stacks, connections: beside everything planned
  uint64_t all_resident_bytes = 0;  // the smallest limit with which all experts stay, with KV of one full sequence
};

// The errors of PlanModel, and FAILED_PRECONDITION with all the numbers when it does not fit. `planned`, if any, gets
// the last plan before it is known whether KV fits beside it.
absl::StatusOr<MemoryDivision> DivideMemory(const ServerConfig& config, const LoadOptions& options,
                                            const MemoryLimit& limit,
                                            const std::function<void(const ModelPlan&)>& planned = nullptr);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MEMORY_DIVISION_H_
