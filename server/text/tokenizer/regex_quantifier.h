// Repeats as Oniguruma reads and simplifies them.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_QUANTIFIER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_QUANTIFIER_H_

#include <optional>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/regex_cursor.h"
#include "server/text/tokenizer/regex_node.h"

namespace foregate {

struct RegexQuantifier {
  int min = 0;
  int max = 0;  // RegexNode::kUnbounded
  bool greedy = true;
  bool possessive = false;
};

// Nothing, and the cursor stays, when no quantifier stands here; "{" that begins none is a character.
// INVALID_ARGUMENT for numbers beyond the limit.
absl::StatusOr<std::optional<RegexQuantifier>> ReadRegexQuantifier(RegexCursor* cursor);

// `node` repeated. Nested simple repeats become one, as Oniguruma does, which changes what some of them match.
RegexNodePtr Quantified(RegexNodePtr node, const RegexQuantifier& quantifier);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_QUANTIFIER_H_
