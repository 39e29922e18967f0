#include "server/text/tokenizer/regex_alphabet.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace foregate {
namespace {

constexpr size_t kMaxLetters = 256;

// Stretches of code points in which no set changes, and the letter of each.
struct Stretches {
  std::vector<char32_t> begins;  // ascending
  std::vector<uint32_t> letters;
};

Stretches CutAtEdges(const std::vector<const CodePointSet*>& sets, char32_t first) {
  Stretches cut;
  cut.begins.push_back(first);
  for (const CodePointSet* set : sets) {
    for (const CodePointSet::Range& range : set->ranges()) {
      if (range.first > first) cut.begins.push_back(range.first);
      if (range.last >= first && range.last < kLastCodePoint) cut.begins.push_back(range.last + 1);
    }
  }
  std::sort(cut.begins.begin(), cut.begins.end());
  cut.begins.erase(std::unique(cut.begins.begin(), cut.begins.end()), cut.begins.end());
  cut.letters.assign(cut.begins.size(), 0);
  return cut;
}

// Parts every letter into those stretches that lie in `set` and those that do not. The number of letters.
uint32_t Refine(const CodePointSet& set, Stretches* cut) {
  std::map<std::pair<uint32_t, bool>, uint32_t> renumbered;
  auto range = set.ranges().begin();
  for (size_t i = 0; i < cut->begins.size(); ++i) {
    while (range != set.ranges().end() && range->last < cut->begins[i]) ++range;
    const bool inside = range != set.ranges().end() && range->first <= cut->begins[i];
    const auto next = static_cast<uint32_t>(renumbered.size());
    cut->letters[i] = renumbered.try_emplace({cut->letters[i], inside}, next).first->second;
  }
  return static_cast<uint32_t>(renumbered.size());
}

}  // namespace

absl::StatusOr<RegexAlphabet> RegexAlphabet::Make(const std::vector<const CodePointSet*>& sets) {
  absl::StatusOr<RegexAlphabet> alphabet = Make(sets, kFirstBeyondAscii);
  return alphabet.ok() ? std::move(alphabet) : Make(sets, 0);
}

absl::StatusOr<RegexAlphabet> RegexAlphabet::Make(const std::vector<const CodePointSet*>& sets, char32_t first_letter) {
  Stretches cut = CutAtEdges(sets, first_letter);
  for (const CodePointSet* set : sets) {
    if (first_letter + Refine(*set, &cut) > kMaxLetters) {
      return absl::InvalidArgumentError("bad regular expression: it tells apart more than " +
                                        std::to_string(kMaxLetters) + " kinds of characters, which is not supported");
    }
  }
  RegexAlphabet alphabet;
  alphabet.first_letter_ = first_letter;
  for (size_t c = 0; c < first_letter; ++c) alphabet.all_.set(c);
  for (size_t i = 0; i < cut.begins.size(); ++i) {
    if (cut.letters[i] < alphabet.example_.size()) continue;
    alphabet.example_.push_back(cut.begins[i]);  // letters are numbered as they appear
    alphabet.all_.set(first_letter + cut.letters[i]);
  }
  std::map<Page, uint16_t> known;
  std::array<int, kMaxLetters> page_of_one_letter;
  page_of_one_letter.fill(-1);
  size_t stretch = 0;
  for (char32_t page_index = 0; page_index < alphabet.page_of_.size(); ++page_index) {
    const char32_t page_begin = page_index << kPageBits;
    const bool in_stretch = page_begin > kFirstBeyondAscii && cut.begins[stretch] <= page_begin;
    const bool is_one_letter =
        in_stretch && (stretch + 1 == cut.begins.size() || cut.begins[stretch + 1] >= page_begin + (1 << kPageBits));
    int* const same_page = is_one_letter ? &page_of_one_letter[cut.letters[stretch]] : nullptr;
    if (same_page != nullptr && *same_page >= 0) {  // nearly all of them
      alphabet.page_of_[page_index] = static_cast<uint16_t>(*same_page);
      continue;
    }
    Page page{};
    for (char32_t i = 0; i < page.size(); ++i) {
      const char32_t c = page_index << kPageBits | i;
      if (c < first_letter) continue;
      while (stretch + 1 < cut.begins.size() && cut.begins[stretch + 1] <= c) ++stretch;
      page[i] = static_cast<uint8_t>(first_letter + cut.letters[stretch]);
    }
    const auto [found, is_new] = known.try_emplace(page, static_cast<uint16_t>(alphabet.pages_.size()));
    if (is_new) alphabet.pages_.push_back(page);
    alphabet.page_of_[page_index] = found->second;
    if (same_page != nullptr) *same_page = found->second;
  }
  return alphabet;
}

RegexAlphabet::Letters RegexAlphabet::LettersOf(const CodePointSet& set) const {
  Letters letters;
  for (char32_t c = 0; c < first_letter_; ++c) letters[c] = set.Contains(c);
  for (size_t i = 0; i < example_.size(); ++i) letters[first_letter_ + i] = set.Contains(example_[i]);
  return letters;
}

void RegexAlphabet::Translate(std::string_view text, std::string* letters) const {
  letters->resize(text.size());
  char* out = letters->data();
  const auto* in = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = in + text.size();
  const auto letter = [&](char32_t c) {
    return static_cast<char>(pages_[page_of_[c >> kPageBits]][c & ((1 << kPageBits) - 1)]);
  };
  while (in < end) {
    const char32_t lead = *in;
    if (lead < 0x80) {
      *out++ = keeps_ascii() ? static_cast<char>(lead) : letter(lead);
      ++in;
    } else if (lead < 0xE0) {
      *out++ = letter((lead & 0x1F) << 6 | (in[1] & 0x3Fu));
      in += 2;
    } else if (lead < 0xF0) {
      *out++ = letter((lead & 0x0F) << 12 | (in[1] & 0x3Fu) << 6 | (in[2] & 0x3Fu));
      in += 3;
    } else {
      *out++ = letter((lead & 0x07) << 18 | (in[1] & 0x3Fu) << 12 | (in[2] & 0x3Fu) << 6 | (in[3] & 0x3Fu));
      in += 4;
    }
  }
  letters->resize(static_cast<size_t>(out - letters->data()));
}

}  // namespace foregate
