#include "server/text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace foregate {
namespace {

struct Result {
  std::string text;
  std::optional<size_t> stop;
};

Result StreamOf(const std::vector<std::string>& stops, const std::vector<std::string>& pieces, bool include = false) {
  StopMatcher matcher(stops, include);
  Result result;
  for (const std::string& piece : pieces) {
    const StopMatcher::Output output = matcher.Push(piece);
    result.text += output.emit;
    if (output.matched_stop.has_value()) {
      EXPECT_FALSE(result.stop.has_value());
      result.stop = output.matched_stop;
    }
  }
  result.text += matcher.Finish();
  EXPECT_EQ(matcher.matched(), result.stop.has_value());
  return result;
}

TEST(StopMatcherTest, MatchesAcrossPieces) {
  const Result result = StreamOf({"</end>"}, {"hello <", "/e", "nd> leak", "more"});
  EXPECT_EQ(result.text, "hello ");
  EXPECT_EQ(result.stop, 0u);
}

TEST(StopMatcherTest, HeldTextComesBackWhenNothingMatches) {
  const Result result = StreamOf({"</end>"}, {"a <", "/e", "n", "x </en"});
  EXPECT_EQ(result.text, "a </enx </en");
  EXPECT_FALSE(result.stop.has_value());
}

TEST(StopMatcherTest, TextIsEmittedAsSoonAsItIsCertain) {
  StopMatcher matcher({"stop"}, false);
  EXPECT_EQ(matcher.Push("abc").emit, "abc");
  EXPECT_EQ(matcher.Push("sto").emit, "");
  EXPECT_EQ(matcher.Push("s").emit, "sto");
  EXPECT_EQ(matcher.Finish(), "s");
}

TEST(StopMatcherTest, IncludesTheStopWhenAsked) { EXPECT_EQ(StreamOf({"END"}, {"xE", "NDy"}, true).text, "xEND"); }

TEST(StopMatcherTest, FirstToCompleteWinsHoweverTheTextIsCut) {
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"xabcd"}, {"xab", "cd"}, {"x", "abc", "d"}}) {
    const Result result = StreamOf({"abcd", "bc", "abc"}, pieces);
    EXPECT_EQ(result.text, "x");
    EXPECT_EQ(result.stop, 2u);
  }
}

TEST(StopMatcherTest, EmptyStopsNeverMatch) {
  const Result result = StreamOf({"", ""}, {"abc"});
  EXPECT_EQ(result.text, "abc");
  EXPECT_FALSE(result.stop.has_value());
}

TEST(StopMatcherTest, EqualsAPlainSearchOverRandomText) {
  std::mt19937 random(7);
  const auto word = [&](size_t longest) {
    std::string text;
    for (size_t n = 1 + random() % longest; n > 0; --n) text += static_cast<char>('a' + random() % 2);
    return text;
  };
  int num_matched = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::vector<std::string> stops = {word(6), word(9)};
    std::vector<std::string> pieces;
    std::string whole;
    for (int i = 0; i < 6; ++i) whole += pieces.emplace_back(word(4));
    // The definition: cut where the shortest prefix that ends in a stop ends, and take the longest such stop away.
    std::string expected = whole;
    for (size_t end = 1; end <= whole.size() && expected == whole; ++end) {
      for (const std::string& stop : stops) {
        const std::string prefix = whole.substr(0, end);
        if (prefix.ends_with(stop) && end - stop.size() < expected.size())
          expected = whole.substr(0, end - stop.size());
      }
    }
    const Result result = StreamOf(stops, pieces);
    EXPECT_EQ(result.text, expected);
    num_matched += result.stop.has_value();
  }
  EXPECT_GT(num_matched, 500);
  EXPECT_LT(num_matched, 2000);
}

}  // namespace
}  // namespace foregate
