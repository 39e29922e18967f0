#include "server/text/tokenizer/unicode_class.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/check.h"
#include "server/text/tokenizer/unicode_sets.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

constexpr char32_t kPageBits = 7;
constexpr std::string_view kClasses[] = {"space", "numeric", "mark", "punctuation", "word"};

// A bit per class for every code point, in pages of 128 of which few differ.
class ClassTable {
 public:
  ClassTable() {
    for (size_t i = 0; i < std::size(kClasses); ++i) {
      const CodePointSet* set = FindUnicodeSet("rust:" + std::string(kClasses[i]));
      FOREGATE_CHECK(set != nullptr);
      for (const CodePointSet::Range& range : set->ranges()) {
        for (char32_t c = range.first; c <= range.last; ++c) *MutableAt(c) |= static_cast<uint8_t>(1 << i);
      }
    }
  }

  uint8_t at(char32_t c) const { return pages_[page_of_[c >> kPageBits]][c & ((1 << kPageBits) - 1)]; }

 private:
  uint8_t* MutableAt(char32_t c) {
    uint16_t& page = page_of_[c >> kPageBits];
    if (page == 0) {
      page = static_cast<uint16_t>(pages_.size());
      pages_.emplace_back();
    }
    return &pages_[page][c & ((1 << kPageBits) - 1)];
  }

  std::array<uint16_t, (kLastCodePoint >> kPageBits) + 1> page_of_{};
  std::vector<std::array<uint8_t, 1 << kPageBits>> pages_{1};  // page 0: characters of no class
};

bool IsIn(char32_t code_point, int class_index) {
  static const ClassTable& table = *new ClassTable;
  return (table.at(code_point) >> class_index & 1) != 0;
}

}  // namespace

bool IsSpace(char32_t code_point) { return IsIn(code_point, 0); }
bool IsNumeric(char32_t code_point) { return IsIn(code_point, 1); }
bool IsMark(char32_t code_point) { return IsIn(code_point, 2); }
bool IsPunctuation(char32_t code_point) { return IsIn(code_point, 3); }
bool IsWord(char32_t code_point) { return IsIn(code_point, 4); }

size_t LeadingSpaceEnd(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (!IsSpace(NextCodePoint(text, &i))) return begin;
  }
  return text.size();
}

size_t TrailingSpaceBegin(std::string_view text) {
  for (size_t i = text.size(); i > 0;) {
    const size_t end = i;
    if (!IsSpace(PreviousCodePoint(text, &i))) return end;
  }
  return 0;
}

}  // namespace foregate
