#include "server/text/template/string_literal.h"

#include <unicode/uchar.h>

#include <charconv>
#include <cstdio>

#include "kernels/base/status_macros.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

// The digits at the front of `text`, at most `max_digits`; -1 when there are fewer than `min_digits`.
int64_t ReadDigits(std::string_view* text, int base, size_t min_digits, size_t max_digits) {
  uint32_t value = 0;
  const char* begin = text->data();
  const auto [end, error] = std::from_chars(begin, begin + std::min(max_digits, text->size()), value, base);
  if (error != std::errc() || static_cast<size_t>(end - begin) < min_digits) return -1;
  text->remove_prefix(static_cast<size_t>(end - begin));
  return value;
}

char SimpleEscape(char c) {
  constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
  const size_t at = kNames.find(c);
  return at == std::string_view::npos ? '\0' : kValues[at];
}

// "\\N{EM DASH}" at the front of `body`.
absl::Status AppendNamed(std::string_view* body, std::string* out) {
  const size_t end = body->find('}');
  if (body->size() < 3 || (*body)[2] != '{' || end == std::string_view::npos) {
    return absl::InvalidArgumentError("malformed \\N character escape in a string");
  }
  const std::string name(body->substr(3, end - 3));
  UErrorCode error = U_ZERO_ERROR;
  const UChar32 character = u_charFromName(U_UNICODE_CHAR_NAME, name.c_str(), &error);
  if (U_FAILURE(error)) return absl::InvalidArgumentError("unknown Unicode character name '" + name + "' in a string");
  AppendUtf8(static_cast<char32_t>(character), out);
  body->remove_prefix(end + 1);
  return absl::OkStatus();
}

// jinja2 writes what is not ASCII as an escape before it reads escapes: after a backslash it stays in sight.
void AppendEscapedTwice(std::string_view* body, std::string* out) {
  size_t next = 1;
  const char32_t character = NextCodePoint(*body, &next);
  char escape[12];
  const char* const format = character < 0x100 ? "\\x%02x" : character < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(escape, sizeof(escape), format, static_cast<unsigned>(character));
  *out += escape;
  body->remove_prefix(next);
}

}  // namespace

absl::StatusOr<std::string> UnescapeString(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const size_t plain = std::min(body.find('\\'), body.size());
    out += body.substr(0, plain);
    body.remove_prefix(plain);
    if (body.empty()) break;
    const char c = body[1];  // a literal never ends in a lone backslash
    if (const char simple = SimpleEscape(c); simple != '\0') {
      out.push_back(simple);
      body.remove_prefix(2);
      continue;
    }
    if (c == '\n') {
      body.remove_prefix(2);
      continue;
    }
    if (c == 'N') {
      FOREGATE_RETURN_IF_ERROR(AppendNamed(&body, &out));
      continue;
    }
    if (static_cast<uint8_t>(c) >= 0x80) {
      AppendEscapedTwice(&body, &out);
      continue;
    }
    const size_t hex_digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    const bool octal = c >= '0' && c <= '7';
    if (hex_digits == 0 && !octal) {
      out.push_back('\\');
      body.remove_prefix(1);
      continue;
    }
    body.remove_prefix(octal ? 1 : 2);
    const int64_t value = octal ? ReadDigits(&body, 8, 1, 3) : ReadDigits(&body, 16, hex_digits, hex_digits);
    if (value < 0) return absl::InvalidArgumentError(std::string("truncated \\") + c + " escape in a string");
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return absl::InvalidArgumentError("an escape in a string is not a character");
    }
    AppendUtf8(static_cast<char32_t>(value), &out);
  }
  return out;
}

}  // namespace foregate::jinja
