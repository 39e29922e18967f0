#include "server/text/tokenizer/post_processor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Where the text stands among the ids that a processor puts around it.
constexpr int32_t kText = -1;

// What `tokenizers` calls encodings: runs of ids, one of which holds the text. The first processor of a sequence sees
// the text alone; what it puts before and after it are runs of their own to the next one.
using Runs = std::vector<std::vector<int32_t>>;

absl::StatusOr<std::vector<int32_t>> ReadSpecialToken(const JsonNode& specials, const JsonNode& piece) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string name, piece.String("id"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode special, specials.Child(name));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> nodes, special.Array("ids"));
  std::vector<int32_t> ids;
  for (const JsonNode& node : nodes) {
    FOREGATE_ASSIGN_OR_RETURN(ids.emplace_back(), node.AsId());
  }
  return ids;
}

// {"single": for one run, "pair": for two}; sequence A is the first of them.
absl::StatusOr<Runs> ApplyTemplate(const JsonNode& json, const Runs& runs) {
  if (runs.size() > 2) return json.Error("is a template over " + std::to_string(runs.size()) + " parts, limit 2");
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> pieces, json.Array(runs.size() == 1 ? "single" : "pair"));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode specials, json.Child("special_tokens"));
  Runs result;
  for (const JsonNode& piece : pieces) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> special, piece.OptionalChild("SpecialToken"));
    if (special.has_value()) {
      FOREGATE_ASSIGN_OR_RETURN(result.emplace_back(), ReadSpecialToken(specials, *special));
      continue;
    }
    FOREGATE_ASSIGN_OR_RETURN(const JsonNode sequence, piece.Child("Sequence"));
    FOREGATE_ASSIGN_OR_RETURN(const JsonNode name, sequence.Child("id"));
    const size_t index = name.value() == "A" ? 0 : 1;
    if (index >= runs.size()) return sequence.Error("is a second sequence, which a single text does not have");
    result.push_back(runs[index]);
  }
  return result;
}

// {"cls": [token, id], "sep": [token, id]}; a second run stands between separators, or only before one for BERT.
absl::StatusOr<Runs> ApplyClsSep(const JsonNode& json, bool second_begins_with_sep, Runs runs) {
  int32_t ids[2];
  for (const auto& [key, id] : {std::pair("cls", &ids[0]), std::pair("sep", &ids[1])}) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> pair, json.Array(key));
    if (pair.size() != 2) return json.Error(std::string("must have a token and an id in ") + key);
    FOREGATE_ASSIGN_OR_RETURN(*id, pair[1].AsId());
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i == 0 || second_begins_with_sep) runs[i].insert(runs[i].begin(), ids[i == 0 ? 0 : 1]);
    runs[i].push_back(ids[1]);
  }
  return runs;
}

absl::StatusOr<Runs> Apply(const JsonNode& json, Runs runs) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string type, json.String("type"));
  if (type == "ByteLevel") return runs;
  if (type == "TemplateProcessing") return ApplyTemplate(json, runs);
  if (type == "BertProcessing") return ApplyClsSep(json, false, std::move(runs));
  if (type == "RobertaProcessing") return ApplyClsSep(json, true, std::move(runs));
  if (type != "Sequence") return json.Error("is a post-processor that is not supported: " + type);
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> children, json.Array("processors"));
  for (const JsonNode& child : children) {
    FOREGATE_ASSIGN_OR_RETURN(runs, Apply(child, std::move(runs)));
  }
  return runs;
}

}  // namespace

absl::StatusOr<PostProcessor> ReadPostProcessor(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const Runs runs, Apply(json, {{kText}}));
  PostProcessor result;
  size_t num_texts = 0;
  for (const std::vector<int32_t>& run : runs) {
    for (const int32_t id : run) {
      if (id == kText) {
        ++num_texts;
      } else {
        (num_texts == 0 ? result.prefix : result.suffix).push_back(id);
      }
    }
  }
  if (num_texts != 1)
    return json.Error("puts the text " + std::to_string(num_texts) + " times into its result, not once");
  return result;
}

}  // namespace foregate
