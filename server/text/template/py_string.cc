#include "server/text/template/py_string.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

UChar32 Icu(char32_t code_point) { return static_cast<UChar32>(code_point); }

icu::UnicodeString FromUtf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string ToUtf8(const icu::UnicodeString& text) {
  std::string out;
  text.toUTF8String(out);
  return out;
}

// The full title case of one character ("ß" becomes "Ss").
std::string TitleOf(std::string_view character) {
  icu::UnicodeString text = FromUtf8(character);
  return ToUtf8(text.toTitle(nullptr, icu::Locale::getRoot()));
}

bool Stripped(char32_t code_point, std::optional<std::string_view> characters) {
  if (!characters.has_value()) return IsPySpace(code_point);
  for (size_t i = 0; i < characters->size();) {
    if (NextCodePoint(*characters, &i) == code_point) return true;
  }
  return false;
}

void AppendHex(char32_t value, int digits, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out->push_back(kDigits[value >> shift & 15]);
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

template <typename Predicate>
bool AllCased(std::string_view text, const Predicate& has_case) {
  bool seen = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t code_point = NextCodePoint(text, &i);
    if (!IsCased(code_point)) continue;
    if (!has_case(Icu(code_point))) return false;
    seen = true;
  }
  return seen;
}

}  // namespace

bool IsPySpace(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsCased(char32_t code_point) { return u_hasBinaryProperty(Icu(code_point), UCHAR_CASED); }

int DecimalDigit(char32_t code_point) { return u_charDigitValue(Icu(code_point)); }

bool IsPrintable(char32_t code_point) {
  if (code_point == ' ') return true;
  constexpr uint32_t kHidden = U_GC_C_MASK | U_GC_Z_MASK;
  return (U_MASK(u_charType(Icu(code_point))) & kHidden) == 0;
}

bool IsWordCharacter(char32_t c) {
  if (c < 0x80) return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool letter = (U_MASK(u_charType(Icu(c))) & U_GC_L_MASK) != 0;
  return letter || u_getIntPropertyValue(Icu(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool IsIdentifier(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const bool first = i == 0;
    const char32_t c = NextCodePoint(text, &i);
    if (c == '_') continue;
    if (!u_hasBinaryProperty(Icu(c), first ? UCHAR_XID_START : UCHAR_XID_CONTINUE)) return false;
  }
  return !text.empty();
}

size_t NumCodePoints(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
  return count;
}

size_t ByteOffset(std::string_view text, size_t index) {
  size_t offset = 0;
  for (; index > 0 && offset < text.size(); --index) offset += Utf8Length(text[offset]);
  return offset;
}

std::string_view StripLeft(std::string_view text, std::optional<std::string_view> characters) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (!Stripped(NextCodePoint(text, &i), characters)) return text.substr(begin);
  }
  return {};
}

std::string_view StripRight(std::string_view text, std::optional<std::string_view> characters) {
  for (size_t i = text.size(); i > 0;) {
    const size_t end = i;
    if (!Stripped(PreviousCodePoint(text, &i), characters)) return text.substr(0, end);
  }
  return {};
}

std::string Upper(std::string_view text) {
  if (IsAscii(text)) {
    std::string out(text);
    for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return out;
  }
  return ToUtf8(FromUtf8(text).toUpper(icu::Locale::getRoot()));
}

std::string Lower(std::string_view text) {
  if (IsAscii(text)) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
  }
  return ToUtf8(FromUtf8(text).toLower(icu::Locale::getRoot()));
}

std::string Capitalize(std::string_view text) {
  if (text.empty()) return "";
  const size_t first = Utf8Length(text[0]);
  // The whole is lowered, so that a final sigma sees the letters before it.
  const std::string lowered = Lower(text);
  const size_t lowered_first = Lower(text.substr(0, first)).size();
  return TitleOf(text.substr(0, first)) + lowered.substr(std::min(lowered_first, lowered.size()));
}

std::string TitleCase(std::string_view text) {
  std::string out;
  bool after_cased = false;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t code_point = NextCodePoint(text, &i);
    const std::string_view character = text.substr(begin, i - begin);
    out += after_cased ? Lower(character) : TitleOf(character);
    after_cased = IsCased(code_point);
  }
  return out;
}

std::string SwapCase(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = NextCodePoint(text, &i);
    const std::string_view character = text.substr(begin, i - begin);
    out += u_isUUppercase(Icu(c))   ? Lower(character)
           : u_isULowercase(Icu(c)) ? Upper(character)
                                    : std::string(character);
  }
  return out;
}

std::string CaseFold(std::string_view text) { return ToUtf8(FromUtf8(text).foldCase()); }

std::vector<std::string> Split(std::string_view text, std::optional<std::string_view> separator, int64_t max_splits) {
  std::vector<std::string> parts;
  if (separator.has_value()) {
    for (size_t at = text.find(*separator); at != std::string_view::npos && max_splits != 0; --max_splits) {
      parts.emplace_back(text.substr(0, at));
      text.remove_prefix(at + separator->size());
      at = text.find(*separator);
    }
    parts.emplace_back(text);
    return parts;
  }
  for (text = StripLeft(text); !text.empty(); text = StripLeft(text)) {
    if (max_splits-- == 0) {
      parts.emplace_back(text);  // the rest keeps the space at its end
      break;
    }
    size_t end = 0;
    for (size_t i = 0; i < text.size();) {
      if (IsPySpace(NextCodePoint(text, &i))) break;
      end = i;
    }
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string> SplitFromRight(std::string_view text, std::optional<std::string_view> separator,
                                        int64_t max_splits) {
  if (max_splits < 0) return Split(text, separator, -1);
  std::vector<std::string> parts;
  if (separator.has_value()) {
    for (size_t at = text.rfind(*separator); at != std::string_view::npos && max_splits > 0; --max_splits) {
      parts.emplace_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
      at = text.rfind(*separator);
    }
    parts.emplace_back(text);
  } else {
    for (text = StripRight(text); !text.empty(); text = StripRight(text)) {
      if (max_splits-- == 0) {
        parts.emplace_back(text);
        break;
      }
      size_t begin = text.size();
      for (size_t i = text.size(); i > 0;) {
        if (IsPySpace(PreviousCodePoint(text, &i))) break;
        begin = i;
      }
      parts.emplace_back(text.substr(begin));
      text = text.substr(0, begin);
    }
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> SplitLines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t end = i;
    const char32_t c = NextCodePoint(text, &i);
    const bool breaks = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!breaks) continue;
    if (c == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.emplace_back(text.substr(begin, (keep_ends ? i : end) - begin));
    begin = i;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to, int64_t max_count) {
  std::string out;
  size_t position = 0;
  if (from.empty()) {
    for (; max_count != 0; --max_count) {
      out += to;
      if (position == text.size()) return out;
      const size_t length = Utf8Length(text[position]);
      out += text.substr(position, length);
      position += length;
    }
    return out.append(text.substr(position));
  }
  for (size_t at = text.find(from); at != std::string_view::npos && max_count != 0; --max_count) {
    out.append(text.substr(position, at - position)).append(to);
    position = at + from.size();
    at = text.find(from, position);
  }
  return out.append(text.substr(position));
}

std::string ReprString(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCodePoint(text, &i);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (IsPrintable(c)) {
      AppendUtf8(c, &out);
    } else {
      out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
      AppendHex(c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8, &out);
    }
  }
  return out + quote;
}

std::string ReprFloat(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const std::string text(buffer, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;  // both print at least two digits of exponent
  const auto fixed_end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed).ptr;
  std::string fixed(buffer, fixed_end);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

bool AllOf(std::string_view text, CharacterClass character_class) {
  if (text.empty()) return false;
  for (size_t i = 0; i < text.size();) {
    const char32_t code_point = NextCodePoint(text, &i);
    const UChar32 c = Icu(code_point);
    const auto numeric_type = u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE);
    const bool alpha = (U_MASK(u_charType(c)) & U_GC_L_MASK) != 0;
    const bool numeric = numeric_type != U_NT_NONE;
    bool holds = false;
    switch (character_class) {
      case CharacterClass::kDecimal:
        holds = numeric_type == U_NT_DECIMAL;
        break;
      case CharacterClass::kDigit:
        holds = numeric_type == U_NT_DECIMAL || numeric_type == U_NT_DIGIT;
        break;
      case CharacterClass::kNumeric:
        holds = numeric;
        break;
      case CharacterClass::kAlpha:
        holds = alpha;
        break;
      case CharacterClass::kAlnum:
        holds = alpha || numeric;
        break;
      case CharacterClass::kSpace:
        holds = IsPySpace(code_point);
        break;
    }
    if (!holds) return false;
  }
  return true;
}

bool IsUpperCased(std::string_view text) {
  return AllCased(text, [](UChar32 c) { return u_isUUppercase(c); });
}

bool IsLowerCased(std::string_view text) {
  return AllCased(text, [](UChar32 c) { return u_isULowercase(c); });
}

bool IsTitleCased(std::string_view text) {
  bool after_cased = false, seen = false;
  for (size_t i = 0; i < text.size();) {
    const UChar32 c = Icu(NextCodePoint(text, &i));
    const bool upper = u_isUUppercase(c) || u_istitle(c);
    const bool lower = u_isULowercase(c);
    if ((upper && after_cased) || (lower && !after_cased)) return false;
    after_cased = upper || lower;
    seen = seen || after_cased;
  }
  return seen;
}

}  // namespace foregate::jinja
