// Unicode's normal forms as `tokenizers` 0.23.3 has them: the tables of Unicode 9, whatever the system's library knows.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORMS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORMS_H_

#include <string>

namespace foregate {

enum class UnicodeForm { kNfd, kNfc, kNfkd, kNfkc };

// Rewrites well-formed text. Text that is in the form already is read once and left alone; marks are ordered in
// n log n, so that a megabyte of them takes a fraction of a second. Thread-safe.
void ApplyUnicodeForm(UnicodeForm form, std::string* text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_FORMS_H_
