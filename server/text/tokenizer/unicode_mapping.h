// The form in which the generated tables write mappings of characters.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_MAPPING_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_MAPPING_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foregate {

// "FIRST[+COUNT[/STEP]]=TO,TO ...", all hexadecimal: COUNT characters, STEP apart, whose last TO grows by STEP as well.
// Aborts on anything else: tables are part of the program.
std::vector<std::pair<char32_t, std::u32string>> ParseUnicodeMappings(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_UNICODE_MAPPING_H_
