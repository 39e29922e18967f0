#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "server/text/tokenizer/unicode_case.h"
#include "server/text/tokenizer/unicode_class.h"
#include "server/text/tokenizer/unicode_forms.h"
#include "server/text/tokenizer/unicode_sets.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// CRC-32 as zlib computes it.
uint32_t Crc32(std::string_view bytes) {
  static const std::array<uint32_t, 256>& table = *new std::array<uint32_t, 256>([] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < entries.size(); ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0);
      entries[i] = value;
    }
    return entries;
  }());
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c < 0xE000; }

// '0' or '1' for each scalar value.
std::string Bitmap(const CodePointSet& set) {
  std::string bitmap(kLastCodePoint + 1, '0');
  for (const CodePointSet::Range& range : set.ranges()) {
    std::fill(bitmap.begin() + range.first, bitmap.begin() + range.last + 1, '1');
  }
  bitmap.erase(0xD800, 0x800);
  return bitmap;
}

std::string AllScalarsAsLines() {
  std::string text;
  for (char32_t c = 0; c <= kLastCodePoint; ++c) {
    if (IsSurrogate(c)) continue;
    AppendUtf8(c, &text);
    text.push_back('\n');
  }
  return text;
}

std::string Normalized(const std::string& name, std::string text) {
  static const std::map<std::string, UnicodeForm>& forms =
      *new std::map<std::string, UnicodeForm>{{"NFC", UnicodeForm::kNfc},
                                              {"NFD", UnicodeForm::kNfd},
                                              {"NFKC", UnicodeForm::kNfkc},
                                              {"NFKD", UnicodeForm::kNfkd}};
  if (const auto form = forms.find(name); form != forms.end()) {
    ApplyUnicodeForm(form->second, &text);
    return text;
  }
  std::string out;
  if (name == "Lowercase") {
    AppendLowercase(text, &out);
    return out;
  }
  EXPECT_EQ(name, "StripAccents");
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCodePoint(text, &i);
    if (!IsMark(c)) AppendUtf8(c, &out);
  }
  return out;
}

// Each line of sweep.txt is what tokenizers answers for all 1,112,064 scalar values, as a checksum.
TEST(UnicodeSweepTest, EveryScalarValueIsClassifiedAndNormalizedAsTokenizersDoes) {
  std::ifstream file("tests/data/unicode/sweep.txt");
  const std::string lines = AllScalarsAsLines();
  std::string crc, what, name;
  int count = 0;
  while (file >> crc >> what >> name) {
    ++count;
    const auto expected = static_cast<uint32_t>(std::stoul(crc, nullptr, 16));
    if (what == "normalizer") {
      EXPECT_EQ(Crc32(Normalized(name, lines)), expected) << name;
      continue;
    }
    const CodePointSet* set = FindUnicodeSet(name);
    ASSERT_NE(set, nullptr) << name;
    EXPECT_EQ(Crc32(Bitmap(*set)), expected) << name;
  }
  EXPECT_GT(count, 250);
}

TEST(UnicodeSweepTest, ClassesAreTheirSets) {
  const std::map<std::string, bool (*)(char32_t)> classes = {{"rust:space", &IsSpace},
                                                             {"rust:numeric", &IsNumeric},
                                                             {"rust:mark", &IsMark},
                                                             {"rust:punctuation", &IsPunctuation},
                                                             {"rust:word", &IsWord}};
  for (const auto& [name, is_in] : classes) {
    const CodePointSet* set = FindUnicodeSet(name);
    ASSERT_NE(set, nullptr) << name;
    CodePointSet found;
    for (char32_t c = 0; c <= kLastCodePoint; ++c) {
      if (is_in(c)) found.Add(c, c);
    }
    EXPECT_EQ(found, *set) << name;
  }
}

TEST(UnicodeSweepTest, NamesAreComparedAsOnigurumaDoes) {
  EXPECT_EQ(NormalizedPropertyName("White_Space"), "whitespace");
  EXPECT_EQ(NormalizedPropertyName("old-North arabian"), "oldnortharabian");
  EXPECT_EQ(FindUnicodeSet("latn"), FindUnicodeSet("latin"));
  EXPECT_EQ(FindUnicodeSet("nosuchname"), nullptr);
}

}  // namespace
}  // namespace foregate
