#include "server/text/tokenizer/regex.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

std::vector<std::string> Matches(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::Compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.status();
  std::vector<TextRange> ranges;
  if (!regex.ok()) return {};
  EXPECT_TRUE((*regex)->FindAll(text, &ranges).ok());
  std::vector<std::string> matches;
  for (const TextRange& range : ranges) matches.emplace_back(text.substr(range.begin, range.end - range.begin));
  return matches;
}

using Strings = std::vector<std::string>;

// Every expectation here is what Oniguruma answers through Python's tokenizers 0.23.3.
TEST(RegexTest, ClassesAreOnigurumas) {
  EXPECT_EQ(Matches(R"(\s+)",
                    "a\xE1\xA0\x8E"
                    "b \xC2\x85"),
            (Strings{" \xC2\x85"}));  // U+180E is no space, U+0085 is
  EXPECT_EQ(Matches(R"([\s]+)",
                    "a\xE1\xA0\x8E"
                    "b\t"),
            (Strings{"\t"}));
  EXPECT_EQ(Matches(R"(\w+)", "b\xCC\x81 \xE2\x92\xB6"), (Strings{"b\xCC\x81", "\xE2\x92\xB6"}));  // marks, circled
  EXPECT_EQ(Matches(R"(\h+)", "xyzBEEF"), (Strings{"BEEF"}));
}

TEST(RegexTest, IntervalPlusRepeats) {
  EXPECT_EQ(Matches(R"(\p{N}{1,3})", "1234567"), (Strings{"123", "456", "7"}));
  EXPECT_EQ(Matches(R"(\p{N}{1,3}+)", "1234567"), (Strings{"1234567"}));
  EXPECT_EQ(Matches(R"((?:ab){1,2}+c)", "ababababc"), (Strings{"ababababc"}));
  EXPECT_EQ(Matches(R"([a-b]{,2}x)", "abbx"), (Strings{"bbx"}));
}

TEST(RegexTest, CaseFoldsAndAnchorsLines) {
  EXPECT_EQ(Matches("(?i:'s)", "'S'\xC5\xBF"), (Strings{"'S", "'\xC5\xBF"}));
  EXPECT_EQ(Matches("^b", "b\nb"), (Strings{"b", "b"}));
}

TEST(RegexTest, EmptyMatchesNeverRepeatInOnePlace) {
  EXPECT_EQ(Matches("x*", "xxy"), (Strings{"xx", ""}));
  EXPECT_EQ(Matches("", ""), (Strings{""}));
}

TEST(RegexTest, RefusesWhatItCannotExpress) {
  EXPECT_FALSE(Regex::Compile("[a&&b]").ok());
  EXPECT_FALSE(Regex::Compile("[a[bc]]").ok());
  EXPECT_FALSE(Regex::Compile("(").ok());
  EXPECT_FALSE(Regex::Compile("\\").ok());
}

TEST(RegexTest, AnExplodingPatternEndsInAnError) {
  const auto regex = Regex::Compile("(?:(?:a?){24}a{24})+$");
  ASSERT_TRUE(regex.ok()) << regex.status();
  std::vector<TextRange> ranges;
  EXPECT_EQ((*regex)->FindAll(std::string(60, 'a') + "b", &ranges).code(), absl::StatusCode::kInvalidArgument);
}

TEST(RegexTest, LiteralsAreNotPatterns) {
  const auto regex = Regex::CompileLiteral(".*");
  ASSERT_TRUE(regex.ok());
  std::vector<TextRange> ranges;
  ASSERT_TRUE((*regex)->FindAll("a.*b", &ranges).ok());
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].begin, 1u);
}

}  // namespace
}  // namespace foregate
