// The merges of a byte-pair vocabulary of which only the tokens and their ranks were published.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_RECOVERED_MERGES_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_RECOVERED_MERGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace foregate {

struct RankedToken {
  std::string text;
  int32_t rank;  // distinct; merges come in its order
};

// A token and after how many of its bytes it is cut; both halves are tokens.
struct RecoveredMerge {
  size_t token;  // index into the tokens
  size_t cut;
};

enum class MergeOrder {
  kShortLeftFirst,  // among the cuts of one token: as transformers orders those of a SentencePiece model
  kLowRankFirst,    // by the ranks of the left and the right half: as it orders those of a tiktoken file
};

// Every way to cut every token, between characters if `at_characters` (tokens are then well-formed UTF-8). One look-up
// of both halves a cut: linear in the sum of squared lengths, under a second for 256 thousand tokens.
std::vector<RecoveredMerge> RecoverMerges(const std::vector<RankedToken>& tokens, bool at_characters, MergeOrder order);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_RECOVERED_MERGES_H_
