#include "server/text/tokenizer/token_model.h"

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/bpe_model.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<const TokenModel>> MakeTokenModel(const JsonNode& json) {
  // Files of before 2020 name no type; only BPE has merges.
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> type, json.OptionalChild("type"));
  if (!type.has_value() || type->value() == "BPE") return BpeModel::Read(json);
  return json.Error("is a model that is not supported: " + type->value().dump(-1, ' ', true).substr(0, 80));
}

}  // namespace foregate
