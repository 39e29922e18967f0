// What a backslash stands for: a character, or a class of characters.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ESCAPE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ESCAPE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/text/tokenizer/code_point_set.h"
#include "server/text/tokenizer/regex_cursor.h"

namespace foregate {

// The cursor stands on the backslash. \w \d \s \h, their capitals, \p{ and \P{: moves past it. Nothing for any other
// escape, and the cursor stays. Inside brackets Oniguruma's word characters are six fewer (superscript digits and
// fractions of Latin-1). INVALID_ARGUMENT names an unknown property.
absl::StatusOr<std::optional<CodePointSet>> ReadClassEscape(RegexCursor* cursor, bool in_brackets);

// The cursor stands on the backslash of an escape that means characters (any that is not special to the caller): one,
// except for \x{41 42 43}. INVALID_ARGUMENT for numbers that are no character.
absl::StatusOr<std::u32string> ReadCharacterEscape(RegexCursor* cursor);

// [:name:], which the options may restrict to ASCII.
CodePointSet PosixClass(std::string_view name, const RegexOptions& options);
// What \w matches outside of brackets, and what \b asks for.
CodePointSet WordCharacters(const RegexOptions& options);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_REGEX_ESCAPE_H_
