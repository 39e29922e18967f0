#include "server/text/tokenizer/recovered_merges.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

std::vector<std::string> Recover(const std::vector<RankedToken>& tokens, bool at_characters, MergeOrder order) {
  std::vector<std::string> merges;
  for (const RecoveredMerge& merge : RecoverMerges(tokens, at_characters, order)) {
    const std::string& text = tokens[merge.token].text;
    merges.push_back(text.substr(0, merge.cut) + "+" + text.substr(merge.cut));
  }
  return merges;
}

TEST(RecoveredMergesTest, GivesEveryCutInTheOrderOfRanks) {
  const std::vector<RankedToken> tokens = {{"abc", 9}, {"a", 5}, {"b", 1}, {"c", 2}, {"bc", 4}, {"ab", 7}, {"xy", 0}};
  using Merges = std::vector<std::string>;
  EXPECT_EQ(Recover(tokens, true, MergeOrder::kShortLeftFirst), (Merges{"b+c", "a+b", "a+bc", "ab+c"}));
  EXPECT_EQ(Recover(tokens, true, MergeOrder::kLowRankFirst), (Merges{"b+c", "a+b", "a+bc", "ab+c"}));
  const std::vector<RankedToken> swapped = {{"abc", 9}, {"a", 8}, {"b", 1}, {"c", 2}, {"bc", 4}, {"ab", 7}};
  EXPECT_EQ(Recover(swapped, false, MergeOrder::kLowRankFirst), (Merges{"b+c", "a+b", "ab+c", "a+bc"}));
}

TEST(RecoveredMergesTest, CutsCharactersOnlyWhereBytesAreTokens) {
  const std::vector<RankedToken> tokens = {{"\xC3", 0}, {"\xA9", 1}, {"\xC3\xA9", 2}};
  EXPECT_EQ(Recover(tokens, true, MergeOrder::kShortLeftFirst).size(), 0u);
  EXPECT_EQ(Recover(tokens, false, MergeOrder::kLowRankFirst).size(), 1u);
}

}  // namespace
}  // namespace foregate
