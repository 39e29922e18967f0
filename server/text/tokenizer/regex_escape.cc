#include "server/text/tokenizer/regex_escape.h"

#include <algorithm>
#include <array>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/unicode_sets.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

bool IsSurrogate(char32_t code_point) { return code_point >= 0xD800 && code_point < 0xE000; }

int DigitValue(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A') + 10;
  return 99;
}

// Up to `max_digits` digits of `base`; 0 for none. Never overflows: at most 11 octal digits are asked for.
uint64_t ReadNumber(RegexCursor* cursor, int base, int max_digits, int* num_digits) {
  uint64_t value = 0;
  *num_digits = 0;
  while (*num_digits < max_digits && DigitValue(cursor->Peek()) < base) {
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(DigitValue(cursor->Next()));
    ++*num_digits;
  }
  return value;
}

// \x{...} and \o{...}, the cursor behind the brace.
absl::StatusOr<std::u32string> ReadBraced(RegexCursor* cursor, int base) {
  std::u32string characters;
  while (true) {
    const size_t begin = cursor->position;
    int num_digits = 0;
    const uint64_t value = ReadNumber(cursor, base, base == 16 ? 8 : 11, &num_digits);
    if (num_digits == 0) return cursor->Error("a number is missing");
    if (value > kLastCodePoint || IsSurrogate(static_cast<char32_t>(value))) {
      return cursor->Error("the number is no character", begin);
    }
    characters.push_back(static_cast<char32_t>(value));
    if (cursor->Consume('}')) return characters;
    if (cursor->Peek() != ' ' && cursor->Peek() != '\n') return cursor->Error("a '}' is missing");
    while (cursor->Peek() == ' ' || cursor->Peek() == '\n') ++cursor->position;
    if (cursor->Consume('}')) return characters;
  }
}

// A byte by \xHH or octal, the cursor behind the backslash. -1 when there is none.
int ReadByte(RegexCursor* cursor) {
  int num_digits = 0;
  if (cursor->Consume('x')) return static_cast<int>(ReadNumber(cursor, 16, 2, &num_digits));
  if (DigitValue(cursor->Peek()) < 8) return static_cast<int>(ReadNumber(cursor, 8, 3, &num_digits));
  return -1;
}

// Bytes from 0x80 on spell a character in UTF-8.
absl::StatusOr<std::u32string> ReadBytes(RegexCursor* cursor) {
  const size_t begin = cursor->position;
  const int first = ReadByte(cursor);
  if (first > 0xFF) return cursor->Error("the number is no byte", begin);
  std::string bytes(1, static_cast<char>(first));
  const size_t length = first < 0xC0 ? 1 : Utf8Length(bytes[0]);
  while (bytes.size() < length && cursor->Consume('\\')) {
    const int next = ReadByte(cursor);
    if (next < 0 || next > 0xFF) break;
    bytes.push_back(static_cast<char>(next));
  }
  if (bytes.size() < length || FirstInvalidUtf8(bytes).has_value()) {
    return cursor->Error("the bytes are no character of UTF-8", begin);
  }
  size_t position = 0;
  return std::u32string(1, NextCodePoint(bytes, &position));
}

// \cx, \C-x, \M-x: the value behind the backslash.
absl::StatusOr<char32_t> ReadPlainEscape(RegexCursor* cursor) {
  const char32_t c = cursor->Next();
  const bool meta = c == 'M';
  if (c == 'c' || c == 'C' || meta) {
    if (c != 'c' && !cursor->Consume('-')) return cursor->Error("a '-' is missing");
    if (cursor->at_end()) return cursor->Error("ends in an escape");
    char32_t value = 0;
    if (cursor->Consume('?') && !meta) return 0x7F;
    if (cursor->Consume('\\')) {
      FOREGATE_ASSIGN_OR_RETURN(value, ReadPlainEscape(cursor));
    } else {
      value = cursor->Next();
    }
    return meta ? (value & 0xFF) | 0x80 : value & 0x9F;
  }
  constexpr std::array<std::pair<char, char>, 8> kControls = {
      {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'f', '\f'}, {'a', '\a'}, {'b', '\b'}, {'e', '\x1B'}, {'v', '\v'}}};
  for (const auto& [letter, control] : kControls) {
    if (c == static_cast<char32_t>(letter)) return static_cast<char32_t>(control);
  }
  return c;
}

bool IsRestrictedToAscii(std::string_view posix_name, const RegexOptions& options) {
  return options.ascii_posix || (posix_name == "word" && options.ascii_word) ||
         (posix_name == "digit" && options.ascii_digit) || (posix_name == "space" && options.ascii_space);
}

CodePointSet NamedClass(const std::string& set_name, std::string_view posix_name, const RegexOptions& options) {
  const CodePointSet* set = FindUnicodeSet(set_name);
  FOREGATE_CHECK(set != nullptr);
  return IsRestrictedToAscii(posix_name, options) ? set->Intersection({{0, 0x7F}}) : *set;
}

absl::StatusOr<CodePointSet> ReadProperty(RegexCursor* cursor, bool in_brackets) {
  const size_t begin = cursor->position;
  bool negative = cursor->Next() == 'P';
  std::string name;
  ++cursor->position;  // the brace
  if (cursor->Consume('^')) negative = !negative;
  while (!cursor->at_end() && cursor->Peek() != '}') AppendUtf8(cursor->Next(), &name);
  if (!cursor->Consume('}')) return cursor->Error("a '}' is missing");
  const std::string normalized = NormalizedPropertyName(name);
  const CodePointSet* set = normalized.find(':') == std::string::npos ? FindUnicodeSet(normalized) : nullptr;
  if (set == nullptr) return cursor->Error("the property \\p{" + name + "} is not known", begin);
  constexpr std::array<std::string_view, 13> kPosix = {"alnum", "alpha", "blank", "cntrl", "digit",  "graph", "lower",
                                                       "print", "punct", "space", "upper", "xdigit", "word"};
  const bool is_posix = std::find(kPosix.begin(), kPosix.end(), normalized) != kPosix.end();
  const std::string set_name = in_brackets && normalized == "word" ? "posix:word" : normalized;
  const CodePointSet members = is_posix ? NamedClass(set_name, normalized, cursor->options) : *set;
  return negative ? members.Complement() : members;
}

}  // namespace

CodePointSet PosixClass(std::string_view name, const RegexOptions& options) {
  return NamedClass("posix:" + std::string(name), name, options);
}

CodePointSet WordCharacters(const RegexOptions& options) { return NamedClass("word", "word", options); }

absl::StatusOr<std::optional<CodePointSet>> ReadClassEscape(RegexCursor* cursor, bool in_brackets) {
  const char32_t c = cursor->Peek(1);
  if ((c == 'p' || c == 'P') && cursor->Peek(2) == '{') {  // \pL is the letters "pL" in this version of Oniguruma
    ++cursor->position;
    FOREGATE_ASSIGN_OR_RETURN(CodePointSet property, ReadProperty(cursor, in_brackets));
    return property;
  }
  struct Letter {
    char32_t lower;
    char32_t upper;
    std::string_view name;
  };
  constexpr Letter kLetters[] = {{'w', 'W', "word"}, {'d', 'D', "digit"}, {'s', 'S', "space"}, {'h', 'H', "xdigit"}};
  for (const Letter& letter : kLetters) {
    if (c != letter.lower && c != letter.upper) continue;
    cursor->position += 2;
    const bool is_bare_word = letter.lower == 'w' && !in_brackets;
    const CodePointSet members =
        is_bare_word ? WordCharacters(cursor->options) : PosixClass(letter.name, cursor->options);
    return c == letter.upper ? members.Complement() : members;
  }
  return std::nullopt;
}

absl::StatusOr<std::u32string> ReadCharacterEscape(RegexCursor* cursor) {
  ++cursor->position;
  const char32_t c = cursor->Peek();
  if (c == RegexCursor::kEnd) return cursor->Error("ends in an escape");
  const bool braced = cursor->Peek(1) == '{';
  if (c == 'x' && braced && DigitValue(cursor->Peek(2)) < 16) {
    cursor->position += 2;
    return ReadBraced(cursor, 16);
  }
  if (c == 'o' && braced && DigitValue(cursor->Peek(2)) < 8) {
    cursor->position += 2;
    return ReadBraced(cursor, 8);
  }
  if ((c == 'x' && !braced) || DigitValue(c) < 8) return ReadBytes(cursor);
  if (c == 'u') {
    const size_t begin = cursor->position++;
    int num_digits = 0;
    const uint64_t value = ReadNumber(cursor, 16, 4, &num_digits);
    if (num_digits < 4) return cursor->Error("\\u needs four digits", begin);
    if (IsSurrogate(static_cast<char32_t>(value))) return cursor->Error("the number is no character", begin);
    return std::u32string(1, static_cast<char32_t>(value));
  }
  FOREGATE_ASSIGN_OR_RETURN(const char32_t plain, ReadPlainEscape(cursor));
  return std::u32string(1, plain);
}

}  // namespace foregate
