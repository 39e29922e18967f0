#include "engine/model/model_source.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/config_file.h"
#include "engine/formats/gguf/gguf_files.h"
#include "engine/formats/overlay.h"
#include "engine/model/container/container_plan.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// A container has all of its model's tensors: one that names a base was not made by packing.
absl::Status CheckIsNoOverlay(const ModelSource& source, const std::string& file) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<Overlay> overlay, ParseOverlay(source.config_json, file));
  if (!overlay) return absl::OkStatus();
  return absl::InvalidArgumentError(overlay->where + "a packed container has no base");
}

absl::StatusOr<ModelSource> OpenContainerAlone(const std::string& path) {
  ModelSource source;
  FOREGATE_ASSIGN_OR_RETURN(source.container, ContainerFile::Open(path));
  FOREGATE_ASSIGN_OR_RETURN(source.directory, ParseContainerDirectory(source.container->directory(),
                                                                      source.container->payload_bytes(), path));
  const auto& files = source.container->files();
  const auto config =
      std::find_if(files.begin(), files.end(), [](const auto& file) { return file.name == kConfigFile; });
  if (config == files.end() || config->num_bytes > kMaxModelConfigBytes)
    return absl::InvalidArgumentError(path + ": has no " + kConfigFile +
                                      " inside: a daemon's cache, which serves only beside its model; make one that "
                                      "stands alone with `foregate pack`");
  source.config_json.resize(config->num_bytes);
  FOREGATE_RETURN_IF_ERROR(
      source.container->Read(config->offset, std::as_writable_bytes(std::span(source.config_json))));
  FOREGATE_ASSIGN_OR_RETURN(source.config, ParseModelConfig(source.config_json, path + ": " + kConfigFile));
  FOREGATE_RETURN_IF_ERROR(CheckIsNoOverlay(source, path + ": " + kConfigFile));
  return source;
}

}  // namespace

absl::StatusOr<ModelSource> OpenModelSource(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> container, FindContainer(path));
  if (container) return OpenContainerAlone(*container);
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> gguf, FindGguf(path));
  ModelSource source;
  if (gguf) {
    FOREGATE_ASSIGN_OR_RETURN(source.checkpoint, Checkpoint::Open(*gguf));
    source.config_json = source.checkpoint->config_json();
    FOREGATE_ASSIGN_OR_RETURN(source.config, ParseModelConfig(source.config_json, *gguf));
    return source;
  }
  const std::string config_path = path + "/" + kConfigFile;
  FOREGATE_ASSIGN_OR_RETURN(source.config_json, ReadConfigFile(path));
  FOREGATE_ASSIGN_OR_RETURN(source.config, ParseModelConfig(source.config_json, config_path));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<Overlay> overlay, OverlayOf(source.config_json, path));
  if (!overlay) {
    FOREGATE_ASSIGN_OR_RETURN(source.checkpoint, Checkpoint::Open(path));
    return source;
  }
  FOREGATE_ASSIGN_OR_RETURN(source.checkpoint, Checkpoint::OpenOverlay(path, *overlay));
  FOREGATE_ASSIGN_OR_RETURN(source.config_json, ConfigWithoutOverlay(source.config_json, config_path));
  return source;
}

absl::StatusOr<WeightPlan> PlanModelSource(const ModelSource& source, const WeightRules& rules) {
  if (source.container == nullptr) return PlanWeights(source.config, *source.checkpoint, rules);
  const std::string& path = source.container->path();
  FOREGATE_ASSIGN_OR_RETURN(WeightPlan plan, PlanPackedWeights(source.config, source.directory, rules, path));
  const ContainerDirectory planned =
      DescribeContainer(source.config, plan, source.directory.contract, source.directory.source);
  if (!planned.DescribesSame(source.directory) || ContainerWeightBytes(plan) > source.container->payload_bytes())
    return absl::InvalidArgumentError(path + ": its directory is not that of the model in its " + kConfigFile);
  return plan;
}

}  // namespace foregate
