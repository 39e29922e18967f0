#include "server/text/tokenizer/token_model.h"

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/bpe_model.h"
#include "server/text/tokenizer/unigram_model.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<const TokenModel>> MakeTokenModel(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> type, json.OptionalChild("type"));
  if (type.has_value()) {
    if (type->value() == "BPE") return BpeModel::Read(json);
    if (type->value() == "Unigram") return UnigramModel::Read(json);
    return json.Error("is a model that is not supported: " + type->value().dump(-1, ' ', true).substr(0, 80));
  }
  // Files of before 2020 name no type; the vocabulary of Unigram is a list.
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> vocabulary, json.OptionalChild("vocab"));
  if (vocabulary.has_value() && vocabulary->value().is_array()) return UnigramModel::Read(json);
  return BpeModel::Read(json);
}

}  // namespace foregate
