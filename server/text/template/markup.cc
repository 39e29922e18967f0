#include "server/text/template/markup.h"

#include <charconv>
#include <utility>

#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

// The entities that escaping makes, and the few others that texts for models hold.
constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
    {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}, {"nbsp", "\u00a0"}};

// "&#39;", "&#x27;": the character, or nothing when it is no such reference.
bool AppendNumeric(std::string_view digits, std::string* out) {
  int base = 10;
  if (digits.starts_with('x') || digits.starts_with('X')) {
    base = 16;
    digits.remove_prefix(1);
  }
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  const bool valid = code != 0 && code <= 0x10FFFF && (code < 0xD800 || code >= 0xE000);
  AppendUtf8(valid ? static_cast<char32_t>(code) : U'\uFFFD', out);
  return true;
}

bool AppendEntity(std::string_view name, std::string* out) {
  if (name.starts_with('#')) return AppendNumeric(name.substr(1), out);
  for (const auto& [known, text] : kEntities) {
    if (known != name) continue;
    *out += text;
    return true;
  }
  return false;
}

std::string WithoutRanges(std::string_view text, std::string_view begin, std::string_view end) {
  std::string out;
  while (true) {
    const size_t from = text.find(begin);
    const size_t to = from == std::string_view::npos ? from : text.find(end, from);
    if (to == std::string_view::npos) return out.append(text);
    out += text.substr(0, from);
    text.remove_prefix(to + end.size());
  }
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string EscapedText(const Value& value) { return value.is_markup() ? value.string() : EscapeHtml(ToString(value)); }

std::string UnescapeHtml(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t plain = std::min(text.find('&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t end = text.substr(0, 40).find(';');
    if (end != std::string_view::npos && AppendEntity(text.substr(1, end - 1), &out)) {
      text.remove_prefix(end + 1);
    } else {
      out.push_back('&');
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string StripTags(std::string_view text) {
  const std::string plain = WithoutRanges(WithoutRanges(text, "<!--", "-->"), "<", ">");
  std::string folded;
  for (const std::string& word : Split(plain, std::nullopt, -1)) folded += (folded.empty() ? "" : " ") + word;
  return UnescapeHtml(folded);
}

}  // namespace foregate::jinja
