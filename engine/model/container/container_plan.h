// What a container of a given plan looks like, and of which files it was made.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_PLAN_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_PLAN_H_

#include <cstdint>
#include <string>

#include "engine/model/checkpoint.h"
#include "engine/model/container/container_directory.h"
#include "engine/model/model_config.h"
#include "engine/model/weight_plan.h"

namespace foregate {

// Where in the payload the parts of expert `index` begin, and the end of all for index experts.size(). A multiple of
// kContainerAlignment, like the places of the parts.
uint64_t ContainerExpertOffset(const WeightPlan& plan, size_t index);
// Of the weights; embedded files come behind them.
inline uint64_t ContainerWeightBytes(const WeightPlan& plan) {
  return ContainerExpertOffset(plan, plan.experts.size());
}

// Names, shapes and places of the checkpoint's tensors with size and time of their files, and the digests that the
// files of a base must have: equal as long as nobody touched them. Reads no weights.
std::string SourceIdentity(const Checkpoint& checkpoint);

// The directory of the container that `plan` gives, with digest 0.
ContainerDirectory DescribeContainer(const ModelConfig& config, const WeightPlan& plan, std::string contract,
                                     std::string source);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_PLAN_H_
