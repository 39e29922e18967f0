// The classes of characters that tokenizer stages ask for, as Rust's `char` and `regex` define them.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CLASS_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CLASS_H_

#include <cstddef>
#include <string_view>

namespace foregate {

bool IsSpace(char32_t code_point);        // White_Space
bool IsNumeric(char32_t code_point);      // Nd, Nl, No
bool IsMark(char32_t code_point);         // Mn, Mc, Me
bool IsPunctuation(char32_t code_point);  // ASCII punctuation and P*
bool IsWord(char32_t code_point);         // \w: Alphabetic, M*, Nd, Pc, Join_Control

// Offsets in well-formed text.
size_t LeadingSpaceEnd(std::string_view text);
size_t TrailingSpaceBegin(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CLASS_H_
