#include "server/text/tokenizer/added_tokens.h"

#include <algorithm>
#include <unordered_set>
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

void TokenTrie::Insert(std::string_view text, size_t token_index) {
  uint32_t node = 0;
  first_bytes_[static_cast<uint8_t>(text.front())] = true;
  for (const char c : text) {
    const uint64_t key = uint64_t{node} << 8 | static_cast<uint8_t>(c);
    node = children_.try_emplace(key, static_cast<uint32_t>(children_.size()) + 1).first->second;
  }
  token_at_node_.try_emplace(node, token_index);
}

bool TokenTrie::FindNext(std::string_view text, size_t from, Match* match) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!first_bytes_[static_cast<uint8_t>(text[begin])]) continue;
    bool found = false;
    uint32_t node = 0;
    for (size_t i = begin; i < text.size(); ++i) {
      const auto child = children_.find(uint64_t{node} << 8 | static_cast<uint8_t>(text[i]));
      if (child == children_.end()) break;
      node = child->second;
      if (const auto token = token_at_node_.find(node); token != token_at_node_.end()) {
        *match = {begin, i + 1, token->second};
        found = true;
      }
    }
    if (found) return true;
  }
  return false;
}

absl::StatusOr<AddedTokens> AddedTokens::Read(const std::vector<JsonNode>& json, const TokenModel& model,
                                              const Normalizer* normalizer) {
  AddedTokens added;
  std::unordered_set<std::string> seen;
  int32_t next_id = static_cast<int32_t>(model.num_tokens());
  for (const JsonNode& node : json) {
    FOREGATE_ASSIGN_OR_RETURN(AddedToken token, ReadToken(node));
    if (token.content.empty() || !seen.insert(token.content).second) continue;
    const std::optional<int32_t> known = model.TokenToId(token.content);
    token.id = known.value_or(next_id);
    next_id = std::max(next_id, token.id + 1);
    if (token.id >= kMaxVocabulary) return node.Error("has id " + std::to_string(token.id) + ", beyond the limit");
    std::string spelling = token.content;
    if (token.normalized && normalizer != nullptr) FOREGATE_RETURN_IF_ERROR(normalizer->Apply(&spelling));
    if (!spelling.empty()) (token.normalized ? added.normalized_ : added.raw_).Insert(spelling, added.tokens_.size());
    added.tokens_.push_back(std::move(token));
  }
  return added;
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
