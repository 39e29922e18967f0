// A bracketed class of a regular expression: [a-z\p{Han}&&[^[:digit:]]].
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CLASS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CLASS_H_

#include "absl/status/statusor.h"
#include "server/text/tokenizer/code_point_set.h"
#include "server/text/tokenizer/regex_cursor.h"

namespace foregate {

struct RegexClass {
  CodePointSet members;  // what stands in the brackets, before a leading '^'
  bool negative = false;
};

// The cursor stands behind the '[', and afterwards behind the matching ']'. INVALID_ARGUMENT names the character.
absl::StatusOr<RegexClass> ReadRegexClass(RegexCursor* cursor);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_CLASS_H_
