#include "server/text/utf8.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

TEST(Utf8Test, FindsTheFirstInvalidByte) {
  EXPECT_EQ(FirstInvalidUtf8(""), std::nullopt);
  EXPECT_EQ(FirstInvalidUtf8("plain ascii, more than eight bytes"), std::nullopt);
  EXPECT_EQ(FirstInvalidUtf8("\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(FirstInvalidUtf8("123456789\xFF"), 9u);
  EXPECT_EQ(FirstInvalidUtf8("\xC0\x80"), 0u);          // overlong
  EXPECT_EQ(FirstInvalidUtf8("a\xED\xA0\x80"), 1u);     // surrogate
  EXPECT_EQ(FirstInvalidUtf8("\xF4\x90\x80\x80"), 0u);  // beyond U+10FFFF
  EXPECT_EQ(FirstInvalidUtf8("a\xE4\xBD"), 1u);         // unfinished
}

TEST(Utf8Test, CodePointsRoundTrip) {
  for (const char32_t code_point : {U'a', char32_t{0x7FF}, char32_t{0x800}, char32_t{0xFFFF}, char32_t{0x10FFFF}}) {
    std::string text;
    AppendUtf8(code_point, &text);
    EXPECT_FALSE(FirstInvalidUtf8(text).has_value());
    size_t begin = 0;
    EXPECT_EQ(NextCodePoint(text, &begin), code_point);
    EXPECT_EQ(begin, text.size());
    size_t end = text.size();
    EXPECT_EQ(PreviousCodePoint(text, &end), code_point);
    EXPECT_EQ(end, 0u);
  }
}

TEST(Utf8Test, LossyReplacesMaximalPrefixes) {
  const std::string r(kReplacementCharacter);
  EXPECT_EQ(Utf8Lossy("\xE2\x82"
                      "A"),
            r + "A");
  EXPECT_EQ(Utf8Lossy("\xF0\x80\x80"), r + r + r);
  EXPECT_EQ(Utf8Lossy("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(Utf8Lossy("\xF0\x9F\x98"), r);
  EXPECT_EQ(Utf8Lossy("\xFFok\xFE"), r + "ok" + r);
}

TEST(Utf8Test, LossyStreamWaitsForWholeCharacters) {
  Utf8LossyStream stream;
  std::string out;
  stream.Push("\xF0\x9F", &out);
  EXPECT_EQ(out, "");
  stream.Push("\x98\x80x\xE4", &out);
  EXPECT_EQ(out, "\xF0\x9F\x98\x80x");
  stream.Push("y", &out);
  EXPECT_EQ(out, "\xF0\x9F\x98\x80x" + std::string(kReplacementCharacter) + "y");
  stream.Finish(&out);
  EXPECT_TRUE(out.ends_with('y'));
}

}  // namespace
}  // namespace foregate
