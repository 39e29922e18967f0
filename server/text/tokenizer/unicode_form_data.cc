#include "server/text/tokenizer/unicode_form_data.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"
#include "server/text/tokenizer/unicode_mapping.h"
#include "server/text/tokenizer/unicode_sets.h"

namespace foregate {
namespace {

struct CombiningClassRow {
  int combining_class;
  std::string_view runs;
};

#include "server/text/tokenizer/unicode_forms.inc"

// Conjoining jamo, chapter 3.12 of the Unicode standard.
constexpr char32_t kSyllable = 0xAC00;
constexpr char32_t kLeading = 0x1100;
constexpr char32_t kVowel = 0x1161;
constexpr char32_t kTrailing = 0x11A7;  // one before the first
constexpr char32_t kNumLeading = 19;
constexpr char32_t kNumVowels = 21;
constexpr char32_t kNumTrailing = 28;
constexpr char32_t kNumSyllables = kNumLeading * kNumVowels * kNumTrailing;

bool IsHangulSyllable(char32_t c) { return c - kSyllable < kNumSyllables; }

uint64_t PairKey(char32_t first, char32_t second) { return uint64_t{first} << 32 | second; }

uint8_t Bit(UnicodeForm form) { return static_cast<uint8_t>(1 << static_cast<int>(form)); }

}  // namespace

const UnicodeFormData& UnicodeFormData::Get() {
  static const UnicodeFormData& data = *new UnicodeFormData;
  return data;
}

UnicodeFormData::UnicodeFormData() {
  ReadDecompositions();
  ReadCombiningClasses();
  ReadCompositions();
  MarkHangul();
  MarkStability();
}

UnicodeFormData::Character* UnicodeFormData::MutableAt(char32_t c) {
  uint16_t& page = page_of_[c >> kPageBits];
  if (page == 0) {
    page = static_cast<uint16_t>(pages_.size());
    pages_.emplace_back();
  }
  return &pages_[page][c & (kPageSize - 1)];
}

void UnicodeFormData::ReadDecompositions() {
  for (auto& [from, to] : ParseUnicodeMappings(kCanonical)) {
    Character* character = MutableAt(from);
    character->canonical = character->compatibility = static_cast<uint16_t>(decompositions_.size());
    decompositions_.push_back(std::move(to));
  }
  for (auto& [from, to] : ParseUnicodeMappings(kCompatible)) {
    MutableAt(from)->compatibility = static_cast<uint16_t>(decompositions_.size());
    decompositions_.push_back(std::move(to));
  }
  FOREGATE_CHECK_LT(decompositions_.size(), size_t{1} << 16);
}

void UnicodeFormData::ReadCombiningClasses() {
  for (const CombiningClassRow& row : kCombiningClasses) {
    const CodePointSet set = ParseCodePointRuns(row.runs);
    for (const CodePointSet::Range& range : set.ranges()) {
      for (char32_t c = range.first; c <= range.last; ++c) {
        MutableAt(c)->combining_class = static_cast<uint8_t>(row.combining_class);
      }
    }
  }
}

// The canonical decompositions backwards, the short ones first: the beginning of a long one is composed by then.
void UnicodeFormData::ReadCompositions() {
  const CodePointSet excluded = ParseCodePointRuns(kNotComposed);
  auto mappings = ParseUnicodeMappings(kCanonical);
  std::stable_sort(mappings.begin(), mappings.end(),
                   [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  for (const auto& [composed, parts] : mappings) {
    if (excluded.Contains(composed)) continue;
    char32_t first = parts[0];
    for (size_t i = 1; i + 1 < parts.size(); ++i) first = compositions_.at(PairKey(first, parts[i]));
    compositions_.emplace(PairKey(first, parts.back()), composed);
    MutableAt(parts.back())->is_second = true;
  }
}

void UnicodeFormData::MarkHangul() {
  for (char32_t i = 0; i < kNumVowels; ++i) MutableAt(kVowel + i)->is_second = true;
  for (char32_t i = 1; i < kNumTrailing; ++i) MutableAt(kTrailing + i)->is_second = true;
  for (char32_t i = 0; i < kNumSyllables; ++i) {
    MutableAt(kSyllable + i)->unstable_in = Bit(UnicodeForm::kNfd) | Bit(UnicodeForm::kNfkd);
  }
}

void UnicodeFormData::MarkStability() {
  for (char32_t page = 0; page < page_of_.size(); ++page) {
    if (page_of_[page] == 0) continue;
    for (char32_t c = page << kPageBits; c < (page + 1) << kPageBits; ++c) {
      if (IsHangulSyllable(c)) continue;
      Character* character = MutableAt(c);
      for (const UnicodeForm form : {UnicodeForm::kNfd, UnicodeForm::kNfc, UnicodeForm::kNfkd, UnicodeForm::kNfkc}) {
        const bool compatibility = form == UnicodeForm::kNfkd || form == UnicodeForm::kNfkc;
        const bool composes = form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc;
        std::u32string parts;
        Decompose(c, compatibility, &parts);
        const Character& first = at(parts[0]);
        const bool begins = first.combining_class == 0 && !(composes && first.is_second);
        char32_t composed = parts[0];
        for (size_t i = 1; i < parts.size() && composes; ++i) composed = Composed(composed, parts[i]);
        const bool changes = composes ? composed != c : parts.size() > 1 || parts[0] != c;
        if (changes || !begins || character->combining_class != 0) character->unstable_in |= Bit(form);
        if (!begins) character->begins_in &= static_cast<uint8_t>(~Bit(form));
      }
    }
  }
}

void UnicodeFormData::Decompose(char32_t c, bool compatibility, std::u32string* out) const {
  if (IsHangulSyllable(c)) {
    const char32_t index = c - kSyllable;
    out->push_back(kLeading + index / (kNumVowels * kNumTrailing));
    out->push_back(kVowel + index / kNumTrailing % kNumVowels);
    if (index % kNumTrailing != 0) out->push_back(kTrailing + index % kNumTrailing);
    return;
  }
  const Character& character = at(c);
  const uint16_t index = compatibility ? character.compatibility : character.canonical;
  if (index == 0) {
    out->push_back(c);
  } else {
    out->append(decompositions_[index]);
  }
}

char32_t UnicodeFormData::Composed(char32_t first, char32_t second) const {
  if (first - kLeading < kNumLeading && second - kVowel < kNumVowels) {
    return kSyllable + ((first - kLeading) * kNumVowels + (second - kVowel)) * kNumTrailing;
  }
  const bool is_open = IsHangulSyllable(first) && (first - kSyllable) % kNumTrailing == 0;
  if (is_open && second > kTrailing && second - kTrailing < kNumTrailing) return first + (second - kTrailing);
  const auto found = compositions_.find(PairKey(first, second));
  return found == compositions_.end() ? 0 : found->second;
}

}  // namespace foregate
