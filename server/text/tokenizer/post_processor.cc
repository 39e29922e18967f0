#include "server/text/tokenizer/post_processor.h"

#include <string>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

absl::Status AppendSpecialToken(const JsonNode& specials, const JsonNode& piece, std::vector<int32_t>* ids) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string name, piece.String("id"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode special, specials.Child(name));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> special_ids, special.Array("ids"));
  for (const JsonNode& node : special_ids) {
    FOREGATE_ASSIGN_OR_RETURN(ids->emplace_back(), node.AsId());
  }
  return absl::OkStatus();
}

absl::StatusOr<PostProcessor> ReadTemplate(const JsonNode& json) {
  PostProcessor result;
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> pieces, json.Array("single"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode specials, json.Child("special_tokens"));
  bool seen_text = false;
  for (const JsonNode& piece : pieces) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> special, piece.OptionalChild("SpecialToken"));
    if (special.has_value()) {
      FOREGATE_RETURN_IF_ERROR(AppendSpecialToken(specials, *special, seen_text ? &result.suffix : &result.prefix));
      continue;
    }
    FOREGATE_ASSIGN_OR_RETURN(const JsonNode sequence, piece.Child("Sequence"));
    if (seen_text) return sequence.Error("is a second sequence, which a single text does not have");
    seen_text = true;
  }
  if (!seen_text) return json.Error("has no sequence in its single template");
  return result;
}

// {"cls": [token, id], "sep": [token, id]}
absl::StatusOr<PostProcessor> ReadClsSep(const JsonNode& json) {
  PostProcessor result;
  for (const auto& [key, ids] : {std::pair("cls", &result.prefix), std::pair("sep", &result.suffix)}) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> pair, json.Array(key));
    if (pair.size() != 2) return json.Error(std::string("must have a token and an id in ") + key);
    FOREGATE_ASSIGN_OR_RETURN(ids->emplace_back(), pair[1].AsId());
  }
  return result;
}

absl::StatusOr<PostProcessor> ReadSequence(const JsonNode& json) {
  PostProcessor result;
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("processors"));
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(const PostProcessor step, ReadPostProcessor(child));
    result.prefix.insert(result.prefix.begin(), step.prefix.begin(), step.prefix.end());
    result.suffix.insert(result.suffix.end(), step.suffix.begin(), step.suffix.end());
  }
  return result;
}

}  // namespace

absl::StatusOr<PostProcessor> ReadPostProcessor(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "ByteLevel") return PostProcessor();
  if (type == "TemplateProcessing") return ReadTemplate(json);
  if (type == "BertProcessing" || type == "RobertaProcessing") return ReadClsSep(json);
  if (type == "Sequence") return ReadSequence(json);
  return json.Error("is a post-processor that is not supported: " + type);
}

}  // namespace foregate
