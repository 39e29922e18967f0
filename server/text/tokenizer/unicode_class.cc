#include "server/text/tokenizer/unicode_class.h"

#include <unicode/uchar.h>

#include "server/text/utf8.h"

namespace foregate {

bool IsSpace(char32_t code_point) { return u_isUWhiteSpace(static_cast<UChar32>(code_point)); }

bool IsNumeric(char32_t code_point) {
  return (U_MASK(u_charType(static_cast<UChar32>(code_point))) & (U_GC_ND_MASK | U_GC_NL_MASK | U_GC_NO_MASK)) != 0;
}

bool IsMark(char32_t code_point) { return (U_MASK(u_charType(static_cast<UChar32>(code_point))) & U_GC_M_MASK) != 0; }

bool IsPunctuation(char32_t code_point) {
  if (code_point < 0x80)
    return u_ispunct(static_cast<UChar32>(code_point)) || u_charType(code_point) == U_MATH_SYMBOL ||
           u_charType(code_point) == U_CURRENCY_SYMBOL || u_charType(code_point) == U_MODIFIER_SYMBOL;
  return (U_MASK(u_charType(static_cast<UChar32>(code_point))) & U_GC_P_MASK) != 0;
}

bool IsWord(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         (U_MASK(u_charType(c)) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

size_t LeadingSpaceEnd(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (!IsSpace(NextCodePoint(text, &i))) return begin;
  }
  return text.size();
}

size_t TrailingSpaceBegin(std::string_view text) {
  for (size_t i = text.size(); i > 0;) {
    const size_t end = i;
    if (!IsSpace(PreviousCodePoint(text, &i))) return end;
  }
  return 0;
}

}  // namespace foregate
