#include "server/text/tokenizer/precompiled_charsmap.h"

#include <gtest/gtest.h>

#include "server/text/tokenizer/grapheme_break.h"

namespace foregate {
namespace {

std::string LittleEndian(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> 8 * i));
  return bytes;
}

// A double array with the one rule "a" -> "X": the root's children lie at 256 ^ label, the leaf of "a" behind it.
std::string OneRule(std::string_view replacements) {
  std::vector<uint32_t> units(1024, 0);
  units[0] = 256u << 10;
  units[256 ^ 'a'] = (512u << 10) | 0x100u | 'a';
  units[(256 ^ 'a') ^ 512] = 0x80000000u;  // its value: offset 0
  std::string bytes = LittleEndian(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) bytes += LittleEndian(unit);
  return bytes.append(replacements);
}

std::string Apply(const PrecompiledCharsmap& map, std::string text) {
  map.Apply(&text);
  return text;
}

TEST(PrecompiledCharsmapTest, AShortClusterIsReplacedAsAWhole) {
  const auto map = PrecompiledCharsmap::Parse(OneRule(std::string_view("X\0", 2)));
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(Apply(*map, "banana"), "bXnXnX");
  EXPECT_EQ(Apply(*map, "a\xCC\x81-"), "X-");  // what follows in the cluster is lost, as there
  EXPECT_EQ(Apply(*map, "a\xCC\x81\xCC\x81\xCC\x81"), "X\xCC\x81\xCC\x81\xCC\x81");  // seven bytes: by character
  EXPECT_EQ(Apply(*map, ""), "");
  std::string text = "a\xCC\x81-";
  map->ApplyLongest(&text);
  EXPECT_EQ(text, "X\xCC\x81-");
}

TEST(PrecompiledCharsmapTest, DamagedFilesAreRefusedOrHarmless) {
  for (const std::string& bytes : {std::string(), std::string("\x04\0\0", 3), LittleEndian(0) + "abcd",
                                   LittleEndian(8) + "abcd", LittleEndian(4) + "abcd\xFF", LittleEndian(0xFFFFFFFF)}) {
    const auto map = PrecompiledCharsmap::Parse(bytes);
    EXPECT_EQ(map.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(PrecompiledCharsmap::Parse(OneRule(std::string(2000, 'x'))).ok());
  const auto empty = PrecompiledCharsmap::Parse(OneRule(""));  // the rule points outside
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(Apply(*empty, "banana"), "banana");
}

TEST(GraphemeBreakTest, FollowsTheRules) {
  const auto clusters = [](std::string_view text) {
    std::vector<size_t> ends;
    for (size_t begin = 0; begin < text.size(); begin = ends.back()) ends.push_back(GraphemeEnd(text, begin));
    return ends;
  };
  using Ends = std::vector<size_t>;
  EXPECT_EQ(clusters("ab\r\n\n"), (Ends{1, 2, 4, 5}));
  EXPECT_EQ(clusters("e\u0301\u0301x"), (Ends{5, 6}));
  EXPECT_EQ(clusters("\u1100\u1161\u11A8\uAC00\u11A8\u1100"), (Ends{9, 15, 18}));
  EXPECT_EQ(clusters("\U0001F1E9\U0001F1EA\U0001F1E9"), (Ends{8, 12}));
  EXPECT_EQ(clusters("\u00A9\u200D\u00A9"), Ends{7});
  EXPECT_EQ(clusters("a\u200D\u00A9"), (Ends{4, 6}));
  EXPECT_EQ(clusters("\u0915\u094D\u0937"), Ends{9});
  EXPECT_EQ(clusters("\u0915\u094D\u200C\u0937"), (Ends{9, 12}));
  EXPECT_EQ(clusters("\u0600a"), Ends{3});
}

}  // namespace
}  // namespace foregate
