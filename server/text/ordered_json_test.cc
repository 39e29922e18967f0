#include "server/text/ordered_json.h"

#include <gtest/gtest.h>

#include <string>

#include "server/text/utf8.h"

namespace foregate {
namespace {

std::string RoundTrip(std::string_view text) {
  const auto parsed = ParseOrderedJson(text);
  return parsed.ok() ? parsed->dump() : std::string(parsed.status().message());
}

TEST(OrderedJsonTest, KeepsOrderAndKindsOfNumbers) {
  EXPECT_EQ(RoundTrip(R"({"b": 1, "a": [1.0, -2, 1e2, null, true], "": {}})"),
            R"({"b":1,"a":[1.0,-2,100.0,null,true],"":{}})");
  EXPECT_EQ(RoundTrip("\"x\""), "\"x\"");
  EXPECT_EQ(RoundTrip("18446744073709551615"), "18446744073709551615");
}

TEST(OrderedJsonTest, AKeyGivenTwiceKeepsItsPlaceAndTakesTheLastValue) {
  EXPECT_EQ(RoundTrip(R"({"a": 1, "b": 2, "a": {"c": 3}})"), R"({"a":{"c":3},"b":2})");
}

TEST(OrderedJsonTest, ErrorsNameTheByte) {
  EXPECT_NE(RoundTrip("{\"a\": }").find("at byte 6"), std::string::npos) << RoundTrip("{\"a\": }");
  EXPECT_NE(RoundTrip("{} x").find("at byte 3"), std::string::npos) << RoundTrip("{} x");
  EXPECT_FALSE(ParseOrderedJson("").ok());
  EXPECT_FALSE(ParseOrderedJson("NaN").ok());
  EXPECT_FALSE(ParseOrderedJson("\"\xFF\"").ok());
}

// A status message travels as text: it must not hold half a character.
TEST(OrderedJsonTest, ErrorsAreWellFormedText) {
  for (const char* text : {"\"\xC3\xA9", "{\"\xE2\x82\xAC\x01", "\xF0\x9F\x98\x80"}) {
    EXPECT_FALSE(FirstInvalidUtf8(RoundTrip(text)).has_value()) << RoundTrip(text);
  }
}

TEST(OrderedJsonTest, DepthIsBounded) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseOrderedJson(nested(kMaxJsonTextDepth)).ok());
  EXPECT_EQ(RoundTrip(nested(kMaxJsonTextDepth + 1)), "not JSON: nested deeper than 64 levels");
  EXPECT_FALSE(ParseOrderedJson(std::string(1 << 20, '[')).ok());
}

// A quadratic object of 200,000 keys would take minutes.
TEST(OrderedJsonTest, ManyKeysAreLinear) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  const auto parsed = ParseOrderedJson(text + "}");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->size(), 200000u);
}

}  // namespace
}  // namespace foregate
