#include "server/text/tokenizer/bpe_model.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_level.h"
#include "server/text/tokenizer/word_cache.h"
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

// What SentencePiece writes for a blank.
constexpr std::string_view kMetaspace = "\xE2\x96\x81";

}  // namespace

absl::StatusOr<std::unique_ptr<const BpeModel>> BpeModel::Read(const JsonNode& json) {
  std::unique_ptr<BpeModel> model(new BpeModel());
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode vocabulary, json.Child("vocab"));
  FOREGATE_RETURN_IF_ERROR(model->ReadVocabulary(vocabulary));
  FOREGATE_RETURN_IF_ERROR(model->ReadOptions(json));
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode merges, json.Child("merges"));
  FOREGATE_RETURN_IF_ERROR(model->ReadMerges(merges));
  model->IndexSymbols();
  model->IndexBytes();
  model->IndexJoins(model->merge_pairs_);
  model->merge_pairs_ = {};
  model->text_owner_ = WordCache::NewOwner();
  model->bytes_owner_ = WordCache::NewOwner();
  return model;
}

absl::Status BpeModel::ReadOptions(const JsonNode& json) {
  for (const auto& [key, affix] :
       {std::pair("continuing_subword_prefix", &prefix_), {"end_of_word_suffix", &suffix_}}) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> node, json.OptionalChild(key));
    if (!node.has_value()) continue;
    FOREGATE_ASSIGN_OR_RETURN(*affix, node->AsString());
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> unknown, json.OptionalChild("unk_token"));
  if (unknown.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(unknown_token_, unknown->AsString());
    unknown_id_ = vocabulary_.Find(*unknown_token_);
  }
  FOREGATE_ASSIGN_OR_RETURN(fuse_unknown_, json.Bool("fuse_unk", false));
  FOREGATE_ASSIGN_OR_RETURN(ignore_merges_, json.Bool("ignore_merges", false));
  FOREGATE_ASSIGN_OR_RETURN(const bool byte_fallback, json.Bool("byte_fallback", false));
  if (byte_fallback) {
    byte_tokens_.emplace();
    for (int byte = 0; byte < 256; ++byte) (*byte_tokens_)[byte] = vocabulary_.Find(ByteToken(byte));
  }
  return absl::OkStatus();
}

absl::Status BpeModel::ReadVocabulary(const JsonNode& vocabulary) {
  if (!vocabulary.value().is_object()) return vocabulary.Error("must be an object");
  vocabulary_.Reserve(vocabulary.value().size());
  for (const auto& [token, value] : vocabulary.value().items()) {
    FOREGATE_ASSIGN_OR_RETURN(const int32_t id, JsonNode(&value, vocabulary.path() + "[\"" + token + "\"]").AsId());
    if (id >= kMaxVocabulary) {
      return vocabulary.Error("has id " + std::to_string(id) + ", limit " + std::to_string(kMaxVocabulary - 1));
    }
    if (static_cast<size_t>(id) >= tokens_.size()) tokens_.resize(id + 1);
    tokens_[id] = token;
    vocabulary_.Insert(token, id);
  }
  return absl::OkStatus();
}

absl::Status BpeModel::ReadMerges(const JsonNode& merges) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, merges.AsArray());
  merges_.Reserve(entries.size());
  merge_pairs_.reserve(entries.size());
  int32_t rank = 0;
  for (const JsonNode& entry : entries) {
    // The header that merges.txt begins with, which some converters took along.
    if (entry.value().is_string() && entry.value().get_ref<const std::string&>().starts_with("#version")) continue;
    FOREGATE_RETURN_IF_ERROR(AddMerge(entry, rank++));
  }
  return absl::OkStatus();
}

absl::Status BpeModel::AddMerge(const JsonNode& merge, int32_t rank) {
  FOREGATE_ASSIGN_OR_RETURN(const auto pair, ReadPair(merge));
  const auto& [left, right] = pair;
  const int32_t left_id = vocabulary_.Find(left);
  const int32_t right_id = vocabulary_.Find(right);
  // The prefix goes by its length, as in `tokenizers`, whatever stands there.
  const std::string merged = left + right.substr(std::min(prefix_.size(), right.size()));
  const int32_t merged_id = vocabulary_.Find(merged);
  if (left_id < 0 || right_id < 0 || merged_id < 0) {
    return merge.Error("names a token outside the vocabulary: \"" + left + "\" \"" + right + "\"");
  }
  merges_.Insert(left_id, right_id, {rank, merged_id});
  merge_pairs_.emplace_back(left_id, right_id);
  return absl::OkStatus();
}

void BpeModel::IndexSymbols() {
  for (size_t code_point = 0; code_point < two_byte_symbols_.size(); ++code_point) {
    std::string character;
    AppendUtf8(static_cast<char32_t>(code_point), &character);
    two_byte_symbols_[code_point] = vocabulary_.Find(character);
  }
}

void BpeModel::IndexBytes() {
  encodes_bytes_ = prefix_.empty() && suffix_.empty();
  for (int byte = 0; byte < 256; ++byte) {
    std::string character;
    AppendByteLevel(std::string(1, static_cast<char>(byte)), &character);
    byte_symbols_[byte] = vocabulary_.Find(character);
    if (byte_symbols_[byte] < 0) encodes_bytes_ = false;
  }
  if (!encodes_bytes_ || !ignore_merges_) return;
  bytes_vocabulary_.Reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    const std::optional<std::string> bytes = BytesSpelledBy(tokens_[id]);
    if (bytes.has_value() && !bytes->empty()) bytes_vocabulary_.Insert(*bytes, vocabulary_.Find(tokens_[id]));
  }
}

std::pair<int32_t, int32_t> BpeModel::OuterSymbols(std::string_view token) const {
  size_t last = token.size();
  PreviousCodePoint(token, &last);
  return {vocabulary_.Find(token.substr(0, Utf8Length(token[0]))), vocabulary_.Find(token.substr(last))};
}

void BpeModel::IndexJoins(std::span<const std::pair<int32_t, int32_t>> merges) {
  joins_.Reserve(merges.size());
  can_cut_ = prefix_.empty() && suffix_.empty();
  const int32_t metaspace = vocabulary_.Find(kMetaspace);
  cuts_at_metaspace_ = can_cut_ && metaspace >= 0;
  // A token of several characters that is a symbol all the same: what it is made of says nothing about where it joins.
  const auto is_long_symbol = [&](int32_t id) {
    return id == unknown_id_ ||
           (byte_tokens_.has_value() && std::ranges::find(*byte_tokens_, id) != byte_tokens_->end());
  };
  for (const auto& [left, right] : merges) {
    if (tokens_[left].empty() || tokens_[right].empty() || is_long_symbol(left) || is_long_symbol(right)) {
      can_cut_ = cuts_at_metaspace_ = false;
      return;
    }
    const int32_t last_of_left = OuterSymbols(tokens_[left]).second;
    const int32_t first_of_right = OuterSymbols(tokens_[right]).first;
    if (last_of_left < 0 || first_of_right < 0) continue;  // made of a character that is no symbol: never reached
    joins_.Insert(last_of_left, first_of_right);
    if (first_of_right == metaspace && last_of_left != metaspace) cuts_at_metaspace_ = false;
  }
}

std::optional<int32_t> BpeModel::TokenToId(std::string_view token) const {
  const int32_t id = vocabulary_.Find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

int32_t BpeModel::SymbolId(std::string_view character, bool is_first, bool is_last) const {
  const bool has_prefix = !is_first && !prefix_.empty();
  const bool has_suffix = is_last && !suffix_.empty();
  if (has_prefix || has_suffix) {
    std::string symbol = has_prefix ? prefix_ : std::string();
    symbol += character;
    if (has_suffix) symbol += suffix_;
    return vocabulary_.Find(symbol);
  }
  if (character.size() > 2) return vocabulary_.Find(character);
  size_t position = 0;
  return two_byte_symbols_[NextCodePoint(character, &position)];
}

bool BpeModel::AppendByteTokens(std::string_view character, std::vector<int32_t>* symbols) const {
  if (!byte_tokens_.has_value()) return false;
  const auto id = [&](char byte) { return (*byte_tokens_)[static_cast<uint8_t>(byte)]; };
  if (!std::ranges::all_of(character, [&](char byte) { return id(byte) >= 0; })) return false;
  for (const char byte : character) symbols->push_back(id(byte));
  return true;
}

absl::Status BpeModel::AppendSymbols(std::string_view word, std::vector<int32_t>* symbols) const {
  bool unknown_pending = false;
  for (size_t i = 0; i < word.size();) {
    const std::string_view character = word.substr(i, Utf8Length(word[i]));
    const bool is_first = i == 0;
    i += character.size();
    const bool is_last = i == word.size();
    if (const int32_t id = SymbolId(character, is_first, is_last); id >= 0) {
      if (unknown_pending) symbols->push_back(unknown_id_);
      unknown_pending = false;
      symbols->push_back(id);
      continue;
    }
    std::string affixed = is_first ? std::string() : prefix_;
    affixed += character;
    if (is_last) affixed += suffix_;
    // `tokenizers` leaves a pending unknown token pending here, so that it comes after these bytes.
    if (AppendByteTokens(affixed, symbols)) continue;
    if (!unknown_token_.has_value()) continue;
    if (unknown_id_ < 0) {
      return absl::InvalidArgumentError("the text needs the unknown token \"" + *unknown_token_ +
                                        "\", which the vocabulary lacks");
    }
    if (unknown_pending && !fuse_unknown_) symbols->push_back(unknown_id_);
    unknown_pending = true;
  }
  if (unknown_pending) symbols->push_back(unknown_id_);
  return absl::OkStatus();
}

void BpeModel::MergeTail(size_t first, std::vector<int32_t>* symbols) const {
  const std::span<int32_t> all(*symbols);
  if (!can_cut_) {
    symbols->resize(first + merges_.MergeAll(all.subspan(first)));
    return;
  }
  size_t kept = first;
  for (size_t begin = first; begin < all.size();) {
    size_t end = begin + 1;
    while (end < all.size() && joins_.MayJoin(all[end - 1], all[end])) ++end;
    const size_t merged = merges_.MergeAll(all.subspan(begin, end - begin));
    std::copy_n(all.begin() + static_cast<ptrdiff_t>(begin), merged, all.begin() + static_cast<ptrdiff_t>(kept));
    kept += merged;
    begin = end;
  }
  symbols->resize(kept);
}

absl::Status BpeModel::EncodeWord(std::string_view word, std::vector<int32_t>* ids) const {
  WordCache& cache = WordCache::OfThisThread();
  if (cache.Find(text_owner_, word, ids)) return absl::OkStatus();
  const size_t first = ids->size();
  FOREGATE_RETURN_IF_ERROR(AppendSymbols(word, ids));
  MergeTail(first, ids);
  cache.Insert(text_owner_, word, std::span(*ids).subspan(first));
  return absl::OkStatus();
}

absl::Status BpeModel::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const int32_t id = vocabulary_.Find(word); id >= 0) {
      ids->push_back(id);
      return absl::OkStatus();
    }
  }
  if (!cuts_at_metaspace_) return EncodeWord(word, ids);
  while (!word.empty()) {
    // A word of its own: blanks, then what is not blank.
    size_t end = 0;
    while (word.substr(end).starts_with(kMetaspace)) end += kMetaspace.size();
    end = std::min(word.find(kMetaspace, end), word.size());
    FOREGATE_RETURN_IF_ERROR(EncodeWord(word.substr(0, end), ids));
    word.remove_prefix(end);
  }
  return absl::OkStatus();
}

absl::Status BpeModel::EncodeBytes(std::string_view bytes, std::vector<int32_t>* ids) const {
  if (ignore_merges_) {
    if (const int32_t id = bytes_vocabulary_.Find(bytes); id >= 0) {
      ids->push_back(id);
      return absl::OkStatus();
    }
  }
  WordCache& cache = WordCache::OfThisThread();
  if (cache.Find(bytes_owner_, bytes, ids)) return absl::OkStatus();
  const size_t first = ids->size();
  for (const char byte : bytes) ids->push_back(byte_symbols_[static_cast<uint8_t>(byte)]);
  MergeTail(first, ids);
  cache.Insert(bytes_owner_, bytes, std::span(*ids).subspan(first));
  return absl::OkStatus();
}

}  // namespace foregate
