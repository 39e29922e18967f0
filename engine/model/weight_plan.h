// WeightPlan: the join of what the config demands and what the checkpoint holds, before a byte of weights is read.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHT_PLAN_H_
#define FOREGATE_ENGINE_MODEL_WEIGHT_PLAN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_rules.h"
#include "engine/moe/expert_directory.h"

namespace foregate {

struct WeightPlan {
  struct Dense {
    const Checkpoint::Tensor* tensor = nullptr;  // null: the weights come from a container
    DType stored = DType::kF32;                  // element type in the checkpoint
    size_t offset = 0;                           // in the arena of dense weights, a multiple of 64
    size_t num_bytes = 0;                        // there
    std::optional<WeightFormat> format;          // of a matrix, which is packed; absent: as stored
    bool is_shared = false;                      // a tied lm_head that is the embedding's matrix: its place, its bytes
  };
  std::vector<Dense> dense;  // in the order of DenseTensors
  size_t dense_bytes = 0;    // of the arena, a multiple of a page, which direct I/O asks for
  size_t lookup_bytes = 0;   // of these, the embedding whose rows are looked up; 0 when the lm_head multiplies with it
  ExpertDirectory experts;
  std::vector<std::array<const Checkpoint::Tensor*, 3>> expert_tensors;  // by directory index, by Projection; or null
  uint64_t file_bytes = 0;                                               // what loading reads of the checkpoint
  uint64_t num_parameters = 0;
  std::string format;  // of the matrices that multiply, but the routers: the name of a WeightFormat, or "mixed"

  // Memory for all experts, each in a block of the largest's size.
  uint64_t expert_bytes() const { return static_cast<uint64_t>(experts.size()) * experts.max_block_bytes(); }
};

// `checkpoint` must outlive the plan. NOT_FOUND for missing tensors, INVALID_ARGUMENT for wrong shapes or element types
// and for tensors that the model has no use for (another architecture's file, or a feature that would be ignored); each
// names file and tensor. Known to be harmless: rotary inv_freq buffers, and an lm_head beside tied embeddings.
// Experts of one layer share the kernels' calls: gates and ups must have one format, downs one; else INVALID_ARGUMENT.
absl::StatusOr<WeightPlan> PlanWeights(const ModelConfig& config, const Checkpoint& checkpoint,
                                       const WeightRules& rules);

// The plan of weights that are packed already: what `directory`, the content of `file`, says, as far as the config
// demands it. INVALID_ARGUMENT naming the file and what does not fit together, or the tensor for which `rules` ask for
// another format than it has.
absl::StatusOr<WeightPlan> PlanPackedWeights(const ModelConfig& config, const ContainerDirectory& directory,
                                             const WeightRules& rules, const std::string& file);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHT_PLAN_H_
