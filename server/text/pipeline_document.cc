#include "server/text/pipeline_document.h"

#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {
namespace {

using Json = nlohmann::json;

std::optional<int32_t> IdOf(const SpecialTokens& tokens, const std::string& text) {
  for (const auto& [id, token] : tokens.by_id) {
    if (token.content == text) return id;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<PipelineOptions> PipelineOptions::Read(const ConfigFile& tokenizer_config) {
  const JsonNode root = tokenizer_config.root();
  PipelineOptions options;
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> name, root.OptionalChild("tokenizer_class"));
  if (name.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(options.tokenizer_class, name->AsString());
  }
  if (options.tokenizer_class.ends_with("Fast")) options.tokenizer_class.resize(options.tokenizer_class.size() - 4);
  FOREGATE_ASSIGN_OR_RETURN(options.add_bos_token, root.Bool("add_bos_token", false));
  FOREGATE_ASSIGN_OR_RETURN(options.add_eos_token, root.Bool("add_eos_token", false));
  FOREGATE_ASSIGN_OR_RETURN(options.legacy, root.Bool("legacy", false));
  FOREGATE_ASSIGN_OR_RETURN(options.add_prefix_space, root.Bool("add_prefix_space", true));
  return options;
}

Json ReplaceStep(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

Json ReplaceRegexStep(std::string_view regex, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"Regex", regex}}}, {"content", to}};
}

Json PrependStep(std::string_view text) { return {{"type", "Prepend"}, {"prepend", text}}; }

Json SequenceStep(const std::string& key, Json steps) {
  Json sequence = {{"type", "Sequence"}};
  sequence[key] = std::move(steps);
  return sequence;
}

absl::Status FillGaps(int32_t vocabulary_size, SpecialTokens* tokens) {
  if (tokens->by_id.empty()) return absl::OkStatus();
  const int32_t last = tokens->by_id.rbegin()->first;
  if (last >= kMaxVocabulary) {
    return absl::InvalidArgumentError("added token id " + std::to_string(last) + " is beyond the limit of " +
                                      std::to_string(kMaxVocabulary));
  }
  for (int32_t id = vocabulary_size; id < last; ++id) {
    tokens->by_id.try_emplace(id, TokenDescription{.content = "<|reserved_token_" + std::to_string(id) + "|>"});
  }
  return absl::OkStatus();
}

absl::Status AddPostProcessor(const PipelineOptions& options, const SpecialTokens& tokens,
                              const std::function<std::optional<int32_t>(const std::string&)>& find_id,
                              Json* document) {
  Json template_pieces = Json::array();
  Json special = Json::object();
  const auto add = [&](const std::string& name) -> absl::Status {
    const std::string text = tokens.Text(name);
    if (text.empty()) return absl::OkStatus();  // transformers adds what there is
    std::optional<int32_t> id = find_id(text);
    if (!id.has_value()) id = IdOf(tokens, text);
    if (!id.has_value()) return absl::InvalidArgumentError(name + " " + text + " is to be added but has no id");
    template_pieces.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    special[text] = {{"id", text}, {"ids", Json::array({*id})}, {"tokens", Json::array({text})}};
    return absl::OkStatus();
  };
  if (options.add_bos_token) FOREGATE_RETURN_IF_ERROR(add("bos_token"));
  template_pieces.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (options.add_eos_token) FOREGATE_RETURN_IF_ERROR(add("eos_token"));
  Json pair = template_pieces;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  (*document)["post_processor"] = {{"type", "TemplateProcessing"},
                                   {"single", std::move(template_pieces)},
                                   {"pair", std::move(pair)},
                                   {"special_tokens", std::move(special)}};
  return absl::OkStatus();
}

}  // namespace foregate
