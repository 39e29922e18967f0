// Tokens that are found in the text before anything else happens to it: special tokens and the user's own.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/normalizer.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;
  bool normalized = false;   // matched in the normalized text rather than in the raw one
  bool lstrip = false;       // swallows the spaces before it
  bool rstrip = false;       // swallows the spaces after it
  bool single_word = false;  // only between characters that are not part of a word
};

// A stretch of text: an added token, or text between two.
struct Segment {
  size_t begin;
  size_t end;
  int32_t token_id;  // -1 for text
};

// Finds the longest of a set of byte strings at each place, from left to right.
class TokenTrie {
 public:
  void Insert(std::string_view text, size_t token_index);
  bool empty() const { return children_.empty(); }

  struct Match {
    size_t begin;
    size_t end;
    size_t token_index;
  };
  // The leftmost match at or after `from`, the longest there. False when there is none.
  bool FindNext(std::string_view text, size_t from, Match* match) const;

 private:
  std::unordered_map<uint64_t, uint32_t> children_;         // (node, byte) -> node
  std::unordered_map<uint32_t, size_t> token_at_node_;      // nodes where a token ends
  std::vector<bool> first_bytes_ = std::vector<bool>(256);  // most places of a text are rejected here
};

// Immutable after Read and thread-safe.
class AddedTokens {
 public:
  // From the array "added_tokens". A token of the vocabulary keeps its id there; others are numbered onward from its
  // end, whatever the file says, as `tokenizers` does. `normalizer` may be null.
  static absl::StatusOr<AddedTokens> Read(const std::vector<JsonNode>& json, const TokenModel& model,
                                          const Normalizer* normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }

  // Cuts `text`, covering it. `normalized` chooses which tokens to look for; special tokens only with `parse_special`.
  std::vector<Segment> Split(std::string_view text, bool normalized, bool parse_special) const;

 private:
  std::vector<AddedToken> tokens_;
  TokenTrie raw_;
  TokenTrie normalized_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_
