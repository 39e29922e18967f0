#include "server/text/tokenizer/unicode_mapping.h"

#include <charconv>

#include "kernels/base/check.h"

namespace foregate {
namespace {

// Reads a number at the beginning of `text` and the character behind it; '\0' at the end.
char32_t ReadHex(std::string_view* text, char* delimiter) {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value, 16);
  FOREGATE_CHECK(parsed.ec == std::errc());
  text->remove_prefix(static_cast<size_t>(parsed.ptr - text->data()));
  *delimiter = text->empty() ? '\0' : text->front();
  if (!text->empty()) text->remove_prefix(1);
  return value;
}

}  // namespace

std::vector<std::pair<char32_t, std::u32string>> ParseUnicodeMappings(std::string_view text) {
  std::vector<std::pair<char32_t, std::u32string>> mappings;
  while (!text.empty()) {
    char delimiter = '\0';
    const char32_t first = ReadHex(&text, &delimiter);
    const char32_t count = delimiter == '+' ? ReadHex(&text, &delimiter) : 1;
    const char32_t step = delimiter == '/' ? ReadHex(&text, &delimiter) : 1;
    FOREGATE_CHECK_EQ(delimiter, '=');
    std::u32string target;
    do {
      target.push_back(ReadHex(&text, &delimiter));
    } while (delimiter == ',');
    for (char32_t i = 0; i < count; ++i) {
      mappings.emplace_back(first + i * step, target);
      target.back() += step;
    }
  }
  return mappings;
}

}  // namespace foregate
