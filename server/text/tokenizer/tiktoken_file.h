// A tiktoken vocabulary: a line for each token, its bytes in base64, a blank, its rank.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_TIKTOKEN_FILE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_TIKTOKEN_FILE_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/recovered_merges.h"

namespace foregate {

// Whether the first line reads so; a SentencePiece model never does.
bool LooksLikeTiktoken(std::string_view bytes);

// The tokens, raw bytes, in the file's order. INVALID_ARGUMENT naming the line for what is no such line, an empty or
// overlong token, a token or rank that comes twice, a rank of kMaxVocabulary and more; or for a file without tokens.
absl::StatusOr<std::vector<RankedToken>> ParseTiktoken(std::string_view bytes);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_TIKTOKEN_FILE_H_
