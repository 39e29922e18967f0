#include "server/text/tokenizer/unicode_sets.h"

#include <charconv>
#include <memory>
#include <unordered_map>

#include "kernels/base/check.h"

namespace foregate {
namespace {

// A set is the union of the named categories, with the runs flipped: lengths in hexadecimal, outside and inside in
// turn.
struct SetRow {
  std::string_view names;
  std::string_view categories;
  std::string_view runs;
};

constexpr SetRow kSetRows[] = {
#include "server/text/tokenizer/unicode_sets.inc"
};

std::string_view NextWord(std::string_view* text) {
  const size_t end = text->find(' ');
  const std::string_view word = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return word;
}

using SetsByName = std::unordered_map<std::string_view, std::shared_ptr<const CodePointSet>>;

SetsByName ParseSets() {
  SetsByName sets;
  for (const SetRow& row : kSetRows) {
    CodePointSet set;
    for (std::string_view rest = row.categories; !rest.empty();) set.Add(*sets.at(NextWord(&rest)));
    const CodePointSet runs = ParseCodePointRuns(row.runs);
    const auto shared = std::make_shared<const CodePointSet>(set.empty() ? runs : set.SymmetricDifference(runs));
    for (std::string_view rest = row.names; !rest.empty();) sets.emplace(NextWord(&rest), shared);
  }
  return sets;
}

}  // namespace

CodePointSet ParseCodePointRuns(std::string_view text) {
  CodePointSet set;
  char32_t position = 0;
  bool inside = false;
  while (!text.empty()) {
    const std::string_view word = NextWord(&text);
    uint32_t length = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), length, 16);
    FOREGATE_CHECK(parsed.ec == std::errc());
    if (inside) set.Add(position, position + length - 1);
    position += length;
    inside = !inside;
  }
  return set;
}

const CodePointSet* FindUnicodeSet(std::string_view normalized_name) {
  static const SetsByName& sets = *new SetsByName(ParseSets());
  const auto found = sets.find(normalized_name);
  return found == sets.end() ? nullptr : found->second.get();
}

std::string NormalizedPropertyName(std::string_view name) {
  std::string normalized;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    normalized.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return normalized;
}

}  // namespace foregate
