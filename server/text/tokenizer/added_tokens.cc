#include "server/text/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/unicode_class.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

absl::StatusOr<AddedToken> ReadToken(const JsonNode& json) {
  AddedToken token;
  FOREGATE_ASSIGN_OR_RETURN(token.content, json.String("content"));
  FOREGATE_ASSIGN_OR_RETURN(token.special, json.Bool("special", false));
  FOREGATE_ASSIGN_OR_RETURN(token.normalized, json.Bool("normalized", !token.special));
  FOREGATE_ASSIGN_OR_RETURN(token.lstrip, json.Bool("lstrip", false));
  FOREGATE_ASSIGN_OR_RETURN(token.rstrip, json.Bool("rstrip", false));
  FOREGATE_ASSIGN_OR_RETURN(token.single_word, json.Bool("single_word", false));
  return token;
}

bool TouchesWord(std::string_view text, size_t begin, size_t end) {
  size_t before = begin;
  if (begin > 0 && IsWord(PreviousCodePoint(text, &before))) return true;
  size_t after = end;
  return end < text.size() && IsWord(NextCodePoint(text, &after));
}

}  // namespace

uint32_t TokenTrie::FindChild(uint32_t node, char byte) const {
  uint32_t child = nodes_[node].first_child;
  while (child != kNone && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

void TokenTrie::Insert(std::string_view text, size_t token_index) {
  uint32_t node = 0;
  for (const char byte : text) {
    uint32_t child = FindChild(node, byte);
    if (child == kNone) {
      child = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back({kNone, nodes_[node].first_child, kNone, byte});
      nodes_[node].first_child = child;
      if (node == 0) begins_[static_cast<uint8_t>(byte)] = child;
    }
    node = child;
  }
  if (nodes_[node].token_index == kNone) nodes_[node].token_index = static_cast<uint32_t>(token_index);
}

bool TokenTrie::FindNext(std::string_view text, size_t from, Match* match) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    uint32_t node = begins_[static_cast<uint8_t>(text[begin])];
    if (node == kNone) continue;
    bool found = false;
    for (size_t end = begin + 1; node != kNone; ++end) {
      if (nodes_[node].token_index != kNone) {
        *match = {begin, end, nodes_[node].token_index};
        found = true;
      }
      if (end == text.size()) break;
      node = FindChild(node, text[end]);
    }
    if (found) return true;
  }
  return false;
}

absl::StatusOr<AddedTokens> AddedTokens::Read(const std::vector<JsonNode>& json, const TokenModel& model,
                                              const Normalizer* normalizer) {
  AddedTokens added;
  auto next_id = static_cast<int32_t>(model.num_tokens());
  for (const JsonNode& node : json) {
    FOREGATE_ASSIGN_OR_RETURN(AddedToken token, ReadToken(node));
    if (token.content.empty()) continue;
    token.spelling = token.content;
    if (token.normalized && normalizer != nullptr) FOREGATE_RETURN_IF_ERROR(normalizer->Apply(&token.spelling));
    const auto [known, is_new] = added.index_.try_emplace(token.content, added.tokens_.size());
    if (!is_new) {
      AddedToken& before = added.tokens_[known->second];
      token.id = before.id;
      token.special = token.special || before.special;
      if (!token.normalized && before.normalized) token.spelling = before.spelling;
      before = std::move(token);
      continue;
    }
    const std::optional<int32_t> id = model.TokenToId(token.content);
    token.id = id.has_value() ? *id : next_id++;
    if (token.id >= kMaxVocabulary) return node.Error("has id " + std::to_string(token.id) + ", beyond the limit");
    added.tokens_.push_back(std::move(token));
  }
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    const AddedToken& token = added.tokens_[i];
    if (!token.normalized) added.raw_.Insert(token.content, i);
    if (token.normalized && !token.spelling.empty()) added.normalized_.Insert(token.spelling, i);
  }
  return added;
}

const AddedToken* AddedTokens::Find(std::string_view content) const {
  const auto found = index_.find(content);
  return found == index_.end() ? nullptr : &tokens_[found->second];
}

bool AddedTokens::IsSpecialSpelling(std::string_view spelling) const {
  const AddedToken* token = Find(spelling);
  return token != nullptr && token->special;
}

std::vector<Segment> AddedTokens::Split(std::string_view text, bool normalized, bool parse_special) const {
  const TokenTrie& trie = normalized ? normalized_ : raw_;
  std::vector<Segment> segments;
  size_t covered = 0;  // where the last segment ends
  TokenTrie::Match match{};
  for (size_t from = 0; !trie.empty() && trie.FindNext(text, from, &match); from = match.end) {
    const AddedToken& token = tokens_[match.token_index];
    if (token.special && !parse_special) continue;
    if (token.single_word && TouchesWord(text, match.begin, match.end)) continue;
    size_t begin = match.begin;
    size_t end = match.end;
    if (token.lstrip) begin = std::max(TrailingSpaceBegin(text.substr(0, begin)), covered);
    if (token.rstrip) end += LeadingSpaceEnd(text.substr(end));
    if (covered < begin) segments.push_back({covered, begin, -1});
    segments.push_back({begin, end, token.id});
    covered = end;
  }
  if (covered < text.size()) segments.push_back({covered, text.size(), -1});
  return segments;
}

}  // namespace foregate
