// Tokens that are found in the text before anything else happens to it: special tokens and the user's own.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_

#include <array>
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
  std::string spelling;  // content as the normalizer leaves it where `normalized`: what is looked for, and decoded
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
  bool empty() const { return nodes_.size() == 1; }

  struct Match {
    size_t begin;
    size_t end;
    size_t token_index;
  };
  // The leftmost match at or after `from`, the longest there. False when there is none.
  bool FindNext(std::string_view text, size_t from, Match* match) const;

 private:
  static constexpr uint32_t kNone = ~0u;

  // Children are a list of siblings: few tokens share a prefix, and most places of a text are rejected by begins_.
  struct Node {
    uint32_t first_child = kNone;
    uint32_t sibling = kNone;
    uint32_t token_index = kNone;
    char byte = 0;
  };
  uint32_t FindChild(uint32_t node, char byte) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<uint32_t, 256> begins_ = MakeBegins();  // the root's child by its byte, kNone for none
  static constexpr std::array<uint32_t, 256> MakeBegins() {
    std::array<uint32_t, 256> begins{};
    for (uint32_t& begin : begins) begin = kNone;
    return begins;
  }
};

// Immutable after Read and thread-safe.
class AddedTokens {
 public:
  // From the array "added_tokens". A token of the vocabulary keeps its id there; others are numbered onward from its
  // size, whatever the file says, as `tokenizers` does. A token given twice has the flags of its last entry, and stays
  // special once it was. `normalizer` may be null.
  static absl::StatusOr<AddedTokens> Read(const std::vector<JsonNode>& json, const TokenModel& model,
                                          const Normalizer* normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  // Null when there is no such token.
  const AddedToken* Find(std::string_view content) const;
  // Whether `spelling` is the content of a special token: `tokenizers` asks so, by text, when it decodes.
  bool IsSpecialSpelling(std::string_view spelling) const;

  // Cuts `text`, covering it. `normalized` chooses which tokens to look for; special tokens only with `parse_special`.
  std::vector<Segment> Split(std::string_view text, bool normalized, bool parse_special) const;

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::vector<AddedToken> tokens_;                                            // contents are distinct
  std::unordered_map<std::string, size_t, TextHash, std::equal_to<>> index_;  // by content
  TokenTrie raw_;
  TokenTrie normalized_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_ADDED_TOKENS_H_
