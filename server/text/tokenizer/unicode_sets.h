// The classes of characters that tokenizer.json can name, as `tokenizers` 0.23.3 knows them: Oniguruma's properties,
// brackets and escapes (Unicode 16), and those of Rust's standard library and crates. The tables are our own, so that
// neither PCRE2's nor ICU's version changes how a text is cut.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_SETS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_SETS_H_

#include <string>
#include <string_view>

#include "server/text/tokenizer/code_point_set.h"

namespace foregate {

// Names without case, spaces, '-' and '_': "lu", "han", "alphabetic", "incjkunifiedideographs"; "posix:alnum" for
// [[:alnum:]]; "cluster:..." for the parts of \X; "rust:word", "rust:space", "rust:numeric", "rust:punctuation",
// "rust:mark". Null for an unknown name. The set lives forever; thread-safe.
const CodePointSet* FindUnicodeSet(std::string_view normalized_name);

// Lengths in hexadecimal, outside and inside the set in turn: the form of the generated tables. Aborts on others.
CodePointSet ParseCodePointRuns(std::string_view text);

// As Oniguruma compares names of properties.
std::string NormalizedPropertyName(std::string_view name);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_SETS_H_
