// Cuts a template's source into text and tokens, with jinja2's rules of white space (trim_blocks and lstrip_blocks on).
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_LEXER_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_LEXER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate::jinja {

struct Token {
  enum class Kind {
    kText,
    kBlockBegin,
    kBlockEnd,
    kVariableBegin,
    kVariableEnd,
    kName,
    kString,  // text is the value, escapes resolved
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Kind kind;
  std::string text;
  int line;    // from 1
  int column;  // from 1, in characters
};

// Ends with a kEnd token. INVALID_ARGUMENT "line N, column M: ..." for what jinja2's lexer refuses.
absl::StatusOr<std::vector<Token>> Tokenize(std::string_view source);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_LEXER_H_
