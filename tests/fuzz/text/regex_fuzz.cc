// A regular expression and a text, separated by a line "====": any expression compiles or is refused, and the matches
// of what compiles are ascending, disjoint and on the borders of characters.
#include <string_view>
#include <vector>

#include "kernels/base/check.h"
#include "server/text/tokenizer/regex.h"
#include "server/text/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.find(kBorder);
  const std::string_view text = border == std::string_view::npos ? "" : input.substr(border + kBorder.size());
  const auto regex = foregate::Regex::Compile(input.substr(0, border));
  if (!regex.ok()) {
    FOREGATE_CHECK(!regex.status().message().empty());
    return 0;
  }
  if (foregate::FirstInvalidUtf8(text).has_value()) return 0;
  std::vector<foregate::TextRange> matches;
  if (!(*regex)->FindAll(text, &matches).ok()) return 0;
  size_t position = 0;
  for (const foregate::TextRange& match : matches) {
    FOREGATE_CHECK(position <= match.begin && match.begin <= match.end && match.end <= text.size());
    for (const size_t edge : {match.begin, match.end}) {
      FOREGATE_CHECK(edge == text.size() || (static_cast<uint8_t>(text[edge]) & 0xC0) != 0x80);
    }
    position = match.end;
  }
  return 0;
}
