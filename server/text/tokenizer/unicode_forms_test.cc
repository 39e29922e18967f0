#include "server/text/tokenizer/unicode_forms.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace foregate {
namespace {

std::string Applied(UnicodeForm form, std::string text) {
  ApplyUnicodeForm(form, &text);
  return text;
}

std::string Repeated(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

constexpr std::pair<const char*, UnicodeForm> kForms[] = {
    {"NFC", UnicodeForm::kNfc}, {"NFD", UnicodeForm::kNfd}, {"NFKC", UnicodeForm::kNfkc}, {"NFKD", UnicodeForm::kNfkd}};

TEST(UnicodeFormsTest, SequencesAreNormalizedAsTokenizersDoes) {
  std::ifstream file("tests/data/unicode/normal_forms.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  EXPECT_GT(cases.size(), 300u);
  for (const auto& one : cases) {
    const std::string text = one["text"];
    for (const auto& [name, form] : kForms) EXPECT_EQ(Applied(form, text), one[name]) << name << " of " << text;
  }
}

TEST(UnicodeFormsTest, TextInTheFormStaysInPlace) {
  for (const std::string text : {"plain", "\xE4\xBD\xA0\xE5\xA5\xBD, mixed", "caf\xC3\xA9"}) {
    std::string copy = text;
    const char* const data = copy.data();
    ApplyUnicodeForm(UnicodeForm::kNfc, &copy);
    EXPECT_EQ(copy, text);
    EXPECT_EQ(copy.data(), data);
  }
}

// Ordering a run of marks by insertion would take these hours.
TEST(UnicodeFormsTest, AMegabyteOfMarksIsOrderedInBoundedTime) {
  const std::vector<std::string> units = {"\xCC\x81",                          // U+0301
                                          "\xCC\x95\xCC\x81\xCC\xA3\xCC\xB4",  // classes 232, 230, 220, 1
                                          "\xCD\x84",                          // U+0344, two marks
                                          "\xE1\x85\xA1\xE1\x86\xA8",          // jamo
                                          "\xEA\xB0\x80\xE1\x86\xA8",          // an open syllable and a trailing jamo
                                          "\xEF\xB7\xBA",                      // U+FDFA, eighteen characters in NFKD
                                          "\xF0\x9F\x98\x80",
                                          "\xC3\xA9",
                                          "a"};
  for (const std::string& unit : units) {
    const std::string text = Repeated(unit, 1 << 20);
    for (const auto& [name, form] : kForms) {
      const std::string once = Applied(form, text);
      EXPECT_FALSE(once.empty()) << name;
      EXPECT_TRUE(Applied(form, once) == once) << name << " of " << unit << " is not stable";
    }
  }
}

TEST(UnicodeFormsTest, MarksOfAMegabyteKeepTheirOrderWithinAClass) {
  // Alternating above (230) and below (220): all that are below move to the front, in their order.
  const std::string text = "x" + Repeated("\xCC\x81\xCC\xA3", 1 << 20);
  const std::string ordered = Applied(UnicodeForm::kNfd, text);
  const size_t half = (text.size() - 1) / 2;
  EXPECT_EQ(ordered, "x" + Repeated("\xCC\xA3", half) + Repeated("\xCC\x81", half));
}

}  // namespace
}  // namespace foregate
