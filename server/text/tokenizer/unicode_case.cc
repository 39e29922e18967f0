#include "server/text/tokenizer/unicode_case.h"

#include <algorithm>
#include <array>
#include <vector>

#include "server/text/tokenizer/unicode_mapping.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

#include "server/text/tokenizer/unicode_case.inc"

// What a character becomes, in pages of 128: most pages hold no letter with cases.
class LowercaseTable {
 public:
  LowercaseTable() {
    for (const auto& [from, to] : ParseUnicodeMappings(kLowercase)) {
      if (to.size() > 1) {
        long_.emplace(from, to);
        continue;
      }
      uint16_t& page = page_of_[from >> 7];
      if (page == 0) {
        page = static_cast<uint16_t>(pages_.size());
        pages_.emplace_back();
      }
      pages_[page][from & 127] = static_cast<int32_t>(to[0]) - static_cast<int32_t>(from);
    }
  }

  bool may_change(char32_t c) const { return page_of_[c >> 7] != 0 || (!long_.empty() && long_.contains(c)); }

  void Append(char32_t c, std::string* out) const {
    if (const auto found = long_.find(c); found != long_.end()) {
      for (const char32_t to : found->second) AppendUtf8(to, out);
      return;
    }
    AppendUtf8(static_cast<char32_t>(static_cast<int32_t>(c) + pages_[page_of_[c >> 7]][c & 127]), out);
  }

 private:
  std::array<uint16_t, (kLastCodePoint >> 7) + 1> page_of_{};
  std::vector<std::array<int32_t, 128>> pages_ = std::vector<std::array<int32_t, 128>>(1);  // page 0 changes nothing
  std::unordered_map<char32_t, std::u32string> long_;
};

CaseFolds MakeCaseFolds() {
  CaseFolds folds;
  for (const auto& [from, to] : ParseUnicodeMappings(kFolds)) {
    folds.representative[from] = to[0];
    folds.representative[to[0]] = to[0];
    folds.members[to[0]].Add(from, from);
    folds.members[to[0]].Add(to[0], to[0]);
  }
  for (const auto& [from, to] : ParseUnicodeMappings(kLongFolds)) {
    std::u32string expansion = to;
    for (char32_t& c : expansion) c = folds.Representative(c);
    folds.contraction[expansion].Add(from, from);
    folds.expansion[from] = std::move(expansion);
  }
  return folds;
}

}  // namespace

void AppendLowercase(std::string_view text, std::string* out) {
  static const LowercaseTable& table = *new LowercaseTable;
  out->reserve(out->size() + text.size());
  for (size_t i = 0; i < text.size();) {
    const char byte = text[i];
    if (static_cast<uint8_t>(byte) < 0x80) {
      out->push_back(byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 0x20) : byte);
      ++i;
      continue;
    }
    const size_t begin = i;
    const char32_t c = NextCodePoint(text, &i);
    if (table.may_change(c)) {
      table.Append(c, out);
    } else {
      out->append(text, begin, i - begin);
    }
  }
}

char32_t CaseFolds::Representative(char32_t c) const {
  const auto found = representative.find(c);
  return found == representative.end() ? c : found->second;
}

CodePointSet CaseFolds::EqualTo(char32_t c) const {
  const auto found = members.find(Representative(c));
  return found == members.end() ? CodePointSet::Of(c) : found->second;
}

const CaseFolds& OnigurumaCaseFolds() {
  static const CaseFolds& folds = *new CaseFolds(MakeCaseFolds());
  return folds;
}

}  // namespace foregate
