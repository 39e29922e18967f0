// Letters' cases: Rust's lowercase, and the characters that Oniguruma's (?i) does not tell apart.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CASE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CASE_H_

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/text/tokenizer/code_point_set.h"

namespace foregate {

// Appends `text`, well-formed, with every character by itself in lower case (no final sigma; U+0130 becomes two).
void AppendLowercase(std::string_view text, std::string* out);

struct CaseFolds {
  // A character -> the smallest one that (?i) takes for equal. Characters without cases are not in it.
  std::unordered_map<char32_t, char32_t> representative;
  // A representative -> all that are equal to it.
  std::unordered_map<char32_t, CodePointSet> members;
  // Characters that also match two or three others (U+00DF "ss"), those as representatives; and the other way.
  std::unordered_map<char32_t, std::u32string> expansion;
  std::map<std::u32string, CodePointSet> contraction;

  char32_t Representative(char32_t c) const;
  CodePointSet EqualTo(char32_t c) const;  // with c itself
};

// Immutable; lives forever.
const CaseFolds& OnigurumaCaseFolds();

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_CASE_H_
