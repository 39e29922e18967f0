// ModelSource: what a path to a model means, opened: a checkpoint with its config, or a container that stands alone.
#ifndef FOREGATE_ENGINE_MODEL_MODEL_SOURCE_H_
#define FOREGATE_ENGINE_MODEL_MODEL_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/formats/container/container_file.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"

namespace foregate {

struct ModelSource {
  ModelConfig config;
  std::string config_json;                         // what `config` was read from; of an overlay, without its base
  std::unique_ptr<Checkpoint> checkpoint;          // null: a container alone
  std::unique_ptr<const ContainerFile> container;  // null: a checkpoint
  ContainerDirectory directory;                    // of the container
};

// `path`: a Hugging Face directory, complete or an overlay (docs/overlay.md), a GGUF file, or a container
// (FindContainer) that was made with its model's files inside. Reads config and headers only. Errors name file and key.
absl::StatusOr<ModelSource> OpenModelSource(const std::string& path);

// PlanWeights or PlanPackedWeights. INVALID_ARGUMENT naming the container when its directory is not, to the last byte,
// what its config makes of it.
absl::StatusOr<WeightPlan> PlanModelSource(const ModelSource& source, const WeightRules& rules);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_MODEL_SOURCE_H_
