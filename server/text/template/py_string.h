// Python's str operations on UTF-8: what methods and filters of the template language are made of.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_PY_STRING_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_PY_STRING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foregate::jinja {

bool IsPySpace(char32_t code_point);        // str.isspace, also \s of `re`
bool IsWordCharacter(char32_t code_point);  // \w of `re`
bool IsIdentifier(std::string_view text);   // str.isidentifier
bool IsPrintable(char32_t code_point);      // str.isprintable of one character
bool IsCased(char32_t code_point);
int DecimalDigit(char32_t code_point);  // 0 to 9 of any script, or -1
size_t NumCodePoints(std::string_view text);
// The byte offset of the code point `index`, or the size of `text`.
size_t ByteOffset(std::string_view text, size_t index);

// Without `characters`, white space.
std::string_view StripLeft(std::string_view text, std::optional<std::string_view> characters = std::nullopt);
std::string_view StripRight(std::string_view text, std::optional<std::string_view> characters = std::nullopt);

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string Capitalize(std::string_view text);
std::string TitleCase(std::string_view text);  // str.title
std::string SwapCase(std::string_view text);
std::string CaseFold(std::string_view text);

// Without `separator` at runs of white space; max_splits < 0 for no limit. `separator` must not be empty.
std::vector<std::string> Split(std::string_view text, std::optional<std::string_view> separator, int64_t max_splits);
std::vector<std::string> SplitFromRight(std::string_view text, std::optional<std::string_view> separator,
                                        int64_t max_splits);
std::vector<std::string> SplitLines(std::string_view text, bool keep_ends);

// str.replace; max_count < 0 for all. An empty `from` matches between all characters.
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to, int64_t max_count);

// repr(str): quoted and escaped.
std::string ReprString(std::string_view text);
// repr(float): the shortest digits that read back the same.
std::string ReprFloat(double value);

enum class CharacterClass { kDigit, kNumeric, kAlpha, kAlnum, kSpace, kDecimal };
// Not empty, and all of the class.
bool AllOf(std::string_view text, CharacterClass character_class);
// At least one cased character, and all cased ones of that case.
bool IsUpperCased(std::string_view text);
bool IsLowerCased(std::string_view text);
bool IsTitleCased(std::string_view text);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_PY_STRING_H_
