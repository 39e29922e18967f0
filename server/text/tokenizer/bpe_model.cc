#include "server/text/tokenizer/bpe_model.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

std::string ByteToken(int byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

// "a b" of older files, or ["a", "b"], which allows blanks inside tokens.
absl::StatusOr<std::pair<std::string, std::string>> ReadPair(const JsonNode& merge) {
  if (merge.value().is_string()) {
    const auto& text = merge.value().get_ref<const std::string&>();
    const size_t blank = text.find(' ');
    if (blank == std::string::npos || text.find(' ', blank + 1) != std::string::npos) {
      return merge.Error("must be two tokens separated by one blank");
    }
    return std::pair(text.substr(0, blank), text.substr(blank + 1));
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> parts, merge.AsArray());
  if (parts.size() != 2) return merge.Error("must have two elements, has " + std::to_string(parts.size()));
  FOREGATE_ASSIGN_OR_RETURN(std::string left, parts[0].AsString());
  FOREGATE_ASSIGN_OR_RETURN(std::string right, parts[1].AsString());
  return std::pair(std::move(left), std::move(right));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const BpeModel>> BpeModel::Read(const JsonNode& json) {
  std::unique_ptr<BpeModel> model(new BpeModel());
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode vocabulary, json.Child("vocab"));
  FOREGATE_RETURN_IF_ERROR(model->ReadVocabulary(vocabulary));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode merges, json.Child("merges"));
  FOREGATE_RETURN_IF_ERROR(model->ReadMerges(merges));
  FOREGATE_RETURN_IF_ERROR(model->ReadOptions(json));
  model->IndexSymbols();
  return model;
}

absl::Status BpeModel::ReadOptions(const JsonNode& json) {
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, json.OptionalChild(affix));
    if (node.has_value() && node->value() != "") return node->Error("is not supported");
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> unknown, json.OptionalChild("unk_token"));
  if (unknown.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(const std::string token, unknown->AsString());
    unknown_id_ = TokenToId(token);
    if (!unknown_id_.has_value()) return unknown->Error("is not in the vocabulary: " + token);
  }
  FOREGATE_ASSIGN_OR_RETURN(fuse_unknown_, json.Bool("fuse_unk", false));
  FOREGATE_ASSIGN_OR_RETURN(ignore_merges_, json.Bool("ignore_merges", false));
  FOREGATE_ASSIGN_OR_RETURN(const bool byte_fallback, json.Bool("byte_fallback", false));
  if (byte_fallback) {
    byte_tokens_.emplace();
    for (int byte = 0; byte < 256; ++byte) (*byte_tokens_)[byte] = TokenToId(ByteToken(byte)).value_or(-1);
  }
  return absl::OkStatus();
}

absl::Status BpeModel::ReadVocabulary(const JsonNode& vocabulary) {
  if (!vocabulary.value().is_object()) return vocabulary.Error("must be an object");
  vocabulary_.reserve(vocabulary.value().size());
  for (const auto& [token, value] : vocabulary.value().items()) {
    FOREGATE_ASSIGN_OR_RETURN(const int32_t id, JsonNode(&value, vocabulary.path() + "[\"" + token + "\"]").AsId());
    if (id >= kMaxVocabulary) {
      return vocabulary.Error("has id " + std::to_string(id) + ", limit " + std::to_string(kMaxVocabulary - 1));
    }
    if (static_cast<size_t>(id) >= tokens_.size()) tokens_.resize(id + 1);
    tokens_[id] = token;
    vocabulary_.emplace(token, id);
  }
  return absl::OkStatus();
}

absl::Status BpeModel::ReadMerges(const JsonNode& merges) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, merges.AsArray());
  merges_.Reserve(entries.size());
  for (size_t rank = 0; rank < entries.size(); ++rank) {
    FOREGATE_ASSIGN_OR_RETURN(const auto pair, ReadPair(entries[rank]));
    const std::optional<int32_t> left = TokenToId(pair.first);
    const std::optional<int32_t> right = TokenToId(pair.second);
    const std::optional<int32_t> merged = TokenToId(pair.first + pair.second);
    if (!left.has_value() || !right.has_value() || !merged.has_value()) {
      return entries[rank].Error("names a token outside the vocabulary: \"" + pair.first + "\" \"" + pair.second +
                                 "\"");
    }
    merges_.Insert(*left, *right, {static_cast<int32_t>(rank), *merged});
  }
  return absl::OkStatus();
}

void BpeModel::IndexSymbols() {
  for (size_t code_point = 0; code_point < two_byte_symbols_.size(); ++code_point) {
    std::string character;
    AppendUtf8(static_cast<char32_t>(code_point), &character);
    two_byte_symbols_[code_point] = TokenToId(character).value_or(-1);
  }
}

std::optional<int32_t> BpeModel::TokenToId(std::string_view token) const {
  const auto found = vocabulary_.find(token);
  return found == vocabulary_.end() ? std::nullopt : std::optional(found->second);
}

int32_t BpeModel::SymbolId(std::string_view character) const {
  if (character.size() > 2) return TokenToId(character).value_or(-1);
  size_t position = 0;
  return two_byte_symbols_[NextCodePoint(character, &position)];
}

void BpeModel::AppendSymbols(std::string_view word, std::vector<int32_t>* symbols) const {
  bool unknown_pending = false;
  for (size_t i = 0; i < word.size();) {
    const std::string_view character = word.substr(i, Utf8Length(word[i]));
    i += character.size();
    if (const int32_t id = SymbolId(character); id >= 0) {
      if (unknown_pending) symbols->push_back(*unknown_id_);
      unknown_pending = false;
      symbols->push_back(id);
      continue;
    }
    const auto byte_token = [&](char byte) { return (*byte_tokens_)[static_cast<uint8_t>(byte)]; };
    if (byte_tokens_.has_value() && std::ranges::all_of(character, [&](char b) { return byte_token(b) >= 0; })) {
      // `tokenizers` leaves a pending unknown token pending here, so that it comes after these bytes.
      for (const char byte : character) symbols->push_back(byte_token(byte));
      continue;
    }
    if (!unknown_id_.has_value()) continue;
    if (unknown_pending && !fuse_unknown_) symbols->push_back(*unknown_id_);
    unknown_pending = true;
  }
  if (unknown_pending) symbols->push_back(*unknown_id_);
}

absl::Status BpeModel::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const auto id = TokenToId(word); id.has_value()) {
      ids->push_back(*id);
      return absl::OkStatus();
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  AppendSymbols(word, &symbols);
  merges_.MergeAll(&symbols);
  ids->insert(ids->end(), symbols.begin(), symbols.end());
  return absl::OkStatus();
}

}  // namespace foregate
