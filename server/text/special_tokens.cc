#include "server/text/special_tokens.h"

#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr std::array<const char*, 7> kStandardNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                       "pad_token", "cls_token", "mask_token"};

// "<s>", or {"content": "<s>", "lstrip": false, ...}.
absl::StatusOr<TokenDescription> ReadToken(const JsonNode& node, bool special) {
  TokenDescription token;
  token.special = special;
  token.normalized = !special;
  if (!node.value().is_object()) {
    FOREGATE_ASSIGN_OR_RETURN(token.content, node.AsString());
    return token;
  }
  FOREGATE_ASSIGN_OR_RETURN(token.content, node.String("content"));
  FOREGATE_ASSIGN_OR_RETURN(token.special, node.Bool("special", special));
  FOREGATE_ASSIGN_OR_RETURN(token.normalized, node.Bool("normalized", !token.special));
  FOREGATE_ASSIGN_OR_RETURN(token.lstrip, node.Bool("lstrip", false));
  FOREGATE_ASSIGN_OR_RETURN(token.rstrip, node.Bool("rstrip", false));
  FOREGATE_ASSIGN_OR_RETURN(token.single_word, node.Bool("single_word", false));
  return token;
}

bool IsStandardName(std::string_view name) {
  for (const char* standard : kStandardNames) {
    if (name == standard) return true;
  }
  return false;
}

absl::Status ReadNamed(const JsonNode& object, SpecialTokens* tokens) {
  for (const auto& [name, value] : object.value().items()) {
    if (!name.ends_with("_token")) continue;
    const JsonNode node(&value, object.path() + (object.path().ends_with(':') ? " " : ".") + name);
    // "add_bos_token" and the like are switches, and a model's own keys may be anything.
    if (!IsStandardName(name) && !value.is_string() && !(value.is_object() && value.contains("content"))) continue;
    if (value.is_null()) continue;
    FOREGATE_ASSIGN_OR_RETURN(TokenDescription token, ReadToken(node, true));
    token.special = true;
    tokens->named.insert_or_assign(name, std::move(token));
  }
  return absl::OkStatus();
}

// The list under `key`; a table of names is read as named tokens. False when there is nothing under the key.
absl::StatusOr<bool> ReadExtra(const ConfigFile& file, std::string_view key, SpecialTokens* tokens) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, file.Find(key));
  if (!node.has_value() || node->value().empty()) return false;
  if (node->value().is_object()) {
    for (const auto& [name, value] : node->value().items()) {
      FOREGATE_ASSIGN_OR_RETURN(tokens->named[name], ReadToken(JsonNode(&value, node->path() + "." + name), true));
    }
    return true;
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, node->AsArray());
  for (const JsonNode& entry : entries) {
    FOREGATE_ASSIGN_OR_RETURN(tokens->extra.emplace_back(), ReadToken(entry, true));
  }
  return true;
}

absl::Status ReadOneFile(const ConfigFile& file, SpecialTokens* tokens) {
  FOREGATE_RETURN_IF_ERROR(ReadNamed(file.root(), tokens));
  FOREGATE_ASSIGN_OR_RETURN(const bool found, ReadExtra(file, "extra_special_tokens", tokens));
  if (found) return absl::OkStatus();
  return ReadExtra(file, "additional_special_tokens", tokens).status();
}

absl::Status ReadDecoder(const JsonNode& decoder, SpecialTokens* tokens) {
  if (!decoder.value().is_object()) return decoder.Error("must be an object");
  for (const auto& [key, value] : decoder.value().items()) {
    int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const JsonNode node(&value, decoder.path() + "[\"" + key + "\"]");
    if (error != std::errc() || end != key.data() + key.size() || id < 0) return node.Error("is not under a token id");
    FOREGATE_ASSIGN_OR_RETURN(tokens->by_id[id], ReadToken(node, false));
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const ConfigFile& file, SpecialTokens* tokens) {
  std::unordered_set<std::string> special;
  for (const auto& [name, token] : tokens->named) special.insert(token.content);
  for (const TokenDescription& token : tokens->extra) special.insert(token.content);
  for (const auto& [content, value] : file.root().value().items()) {
    FOREGATE_ASSIGN_OR_RETURN(const int32_t id, JsonNode(&value, file.root().path() + " " + content).AsId());
    const bool is_special = special.contains(content);
    tokens->by_id[id] = {.content = content, .special = is_special, .normalized = !is_special};
  }
  return absl::OkStatus();
}

void Describe(const TokenDescription& token, nlohmann::json* entry) {
  (*entry)["content"] = token.content;
  (*entry)["special"] = token.special;
  (*entry)["normalized"] = token.normalized;
  (*entry)["lstrip"] = token.lstrip;
  (*entry)["rstrip"] = token.rstrip;
  (*entry)["single_word"] = token.single_word;
}

}  // namespace

std::string SpecialTokens::Text(const std::string& name) const {
  const auto found = named.find(name);
  return found == named.end() ? "" : found->second.content;
}

absl::StatusOr<SpecialTokens> ReadSpecialTokens(const ConfigFile& tokenizer_config,
                                                const ConfigFile& special_tokens_map, const ConfigFile& added_tokens) {
  SpecialTokens tokens;
  FOREGATE_RETURN_IF_ERROR(ReadOneFile(tokenizer_config, &tokens));
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> decoder, tokenizer_config.Find("added_tokens_decoder"));
  if (decoder.has_value()) {
    tokens.by_id_wins = true;
    FOREGATE_RETURN_IF_ERROR(ReadDecoder(*decoder, &tokens));
    return tokens;
  }
  FOREGATE_RETURN_IF_ERROR(ReadOneFile(special_tokens_map, &tokens));
  FOREGATE_RETURN_IF_ERROR(ReadAddedTokens(added_tokens, &tokens));
  return tokens;
}

void AmendAddedTokens(const SpecialTokens& tokens, nlohmann::json* document) {
  nlohmann::json& list = (*document)["added_tokens"];
  if (!list.is_array()) list = nlohmann::json::array();
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object() || !list[i].contains("content") || !list[i]["content"].is_string()) continue;
    places.emplace(list[i]["content"].get<std::string>(), i);
  }
  const auto add = [&](const TokenDescription& token, bool overwrite) {
    if (token.content.empty()) return;
    const auto [place, is_new] = places.try_emplace(token.content, list.size());
    if (is_new) list.push_back(nlohmann::json::object());
    if (is_new || overwrite) Describe(token, &list[place->second]);
  };
  for (const auto& [id, token] : tokens.by_id) add(token, tokens.by_id_wins);
  for (const char* name : kStandardNames) {
    if (const auto found = tokens.named.find(name); found != tokens.named.end()) add(found->second, false);
  }
  for (const auto& [name, token] : tokens.named) add(token, false);
  for (const TokenDescription& token : tokens.extra) add(token, false);
}

}  // namespace foregate
