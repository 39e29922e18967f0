// Reads a regular expression in the syntax of tokenizer.json: Oniguruma's own, as `tokenizers` 0.23.3 compiles it.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_PARSER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_PARSER_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/regex_node.h"

namespace foregate {

// INVALID_ARGUMENT naming the character for what is no regular expression, and for what we do not have: back-references
// and subexpression calls, conditionals, absent functions, callouts, \y and \Y, (?y), (?CIL).
absl::StatusOr<RegexNodePtr> ParseOniguruma(std::string_view pattern);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_PARSER_H_
