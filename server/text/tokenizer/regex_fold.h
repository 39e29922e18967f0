// What (?i) makes of literal text and of a class, as Oniguruma does it: a character stands for all that fold alike, and
// U+00DF for "ss" (and the other way).
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_FOLD_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_FOLD_H_

#include <string_view>

#include "server/text/tokenizer/regex_class.h"
#include "server/text/tokenizer/regex_node.h"

namespace foregate {

// The characters as they are.
RegexNodePtr LiteralText(std::u32string_view text);

// In a look-behind only single characters fold into single characters.
RegexNodePtr FoldedText(std::u32string_view text, bool in_look_behind);
RegexNodePtr FoldedClass(const RegexClass& source);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_FOLD_H_
