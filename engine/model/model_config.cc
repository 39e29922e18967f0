#include "engine/model/model_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/formats/config_reader.h"
#include "engine/formats/json_document.h"
#include "engine/model/architectures/architecture.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

std::string SupportedArchitectures() {
  std::string names;
  for (const Architecture& architecture : Architectures())
    names += (names.empty() ? "" : ", ") + std::string(architecture.class_name);
  return names;
}

void ReadPreGate(ConfigReader& reader, ModelConfig& config) {
  reader.Object("foregate_pre_gate", {"version", "distance"}, [&](ConfigReader& pre_gate) {
    if (pre_gate.Integer({"version"}, 1, ConfigReader::kMaxSize) != 1)
      return pre_gate.Unsupported("version", "only 1 is supported");
    const int32_t distance = pre_gate.Integer({"distance"}, 1, kMaxPreGateDistance);
    config.pre_gate_distance = distance;
    for (size_t layer = 0; layer < config.layers.size(); ++layer) {
      if (config.IsPreGated(layer)) return;
    }
    pre_gate.Refuse("distance", "no layer from " + std::to_string(distance) + " on has experts");
  });
}

}  // namespace

absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json, const std::string& file) {
  FOREGATE_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJsonObject(json, file));
  ConfigReader reader(document, file);
  const std::vector<std::string> names = reader.Strings("architectures");
  FOREGATE_RETURN_IF_ERROR(reader.status());
  if (names.empty()) return absl::InvalidArgumentError(file + ": architectures: missing or empty");
  const Architecture* architecture = FindArchitecture(names.front());
  if (architecture == nullptr)
    return absl::UnimplementedError(file + ": architectures: " + JsonExcerpt(names.front()) +
                                    " is not supported; supported: " + SupportedArchitectures());
  reader.RequireAbsent("quantization_config");
  ModelConfig config;
  config.architecture = architecture->id;
  architecture->read(reader, config);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  const auto is_moe = [](const LayerConfig& layer) { return layer.is_moe; };
  if (std::none_of(config.layers.begin(), config.layers.end(), is_moe))
    return absl::UnimplementedError(file + ": decoder_sparse_step, mlp_only_layers: no layer has experts");
  if (std::all_of(config.layers.begin(), config.layers.end(), is_moe)) config.dense_width = 0;
  ReadPreGate(reader, config);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  return config;
}

}  // namespace foregate
