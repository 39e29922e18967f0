#include "server/text/generation_defaults.h"

#include <string_view>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status ReadNumber(const ConfigFile& file, std::string_view key, double low, double high,
                        std::optional<double>* number) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find(key));
  if (!node.has_value()) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(const double value, node->AsNumber());
  if (!(value >= low && value <= high)) return node->Error("is out of range: " + node->value().dump());
  *number = value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GenerationDefaults> ReadGenerationDefaults(const ConfigFile& file) {
  GenerationDefaults defaults;
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "temperature", 0, 100, &defaults.temperature));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "top_p", 0, 1, &defaults.top_p));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "min_p", 0, 1, &defaults.min_p));
  FOREGATE_RETURN_IF_ERROR(ReadNumber(file, "repetition_penalty", 0, 100, &defaults.repetition_penalty));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> do_sample, file.Find("do_sample"));
  if (do_sample.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(defaults.do_sample, do_sample->AsBool());
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> top_k, file.Find("top_k"));
  if (top_k.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(defaults.top_k, top_k->AsId());
  }
  return defaults;
}

}  // namespace foregate
