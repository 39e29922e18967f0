#include "server/text/reply/json_scanner.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace foregate {
namespace {

// How far the scanner goes: the bytes it takes, and what it says of the last one.
std::pair<size_t, ScanState> Scan(std::string_view text) {
  JsonScanner scanner;
  for (size_t i = 0; i < text.size(); ++i) {
    const ScanState state = scanner.Feed(text[i]);
    if (state != ScanState::kMore) return {i, state};
  }
  return {text.size(), ScanState::kMore};
}

TEST(JsonScannerTest, FindsTheEndAndTheFirstWrongByte) {
  EXPECT_EQ(Scan(R"({"a": [1, -0.5e+3, true, null, "]}\"\u00e9"], "b": {}} rest)"),
            std::pair(size_t{53}, ScanState::kDone));
  EXPECT_EQ(Scan("[]x"), std::pair(size_t{1}, ScanState::kDone));
  EXPECT_EQ(Scan(R"({"a")"), std::pair(size_t{4}, ScanState::kMore));
  EXPECT_EQ(Scan(R"({a})"), std::pair(size_t{1}, ScanState::kError));
  EXPECT_EQ(Scan(R"([1,])"), std::pair(size_t{3}, ScanState::kError));
  EXPECT_EQ(Scan(R"([01])"), std::pair(size_t{2}, ScanState::kError));
  EXPECT_EQ(Scan("[\"a\nb\"]"), std::pair(size_t{3}, ScanState::kError));
  EXPECT_EQ(Scan("1"), std::pair(size_t{0}, ScanState::kError));
  EXPECT_EQ(Scan(" {}"), std::pair(size_t{0}, ScanState::kError));
}

TEST(JsonScannerTest, DepthIsBounded) {
  const std::string deep(JsonScanner::kMaxDepth, '[');
  EXPECT_EQ(Scan(deep).second, ScanState::kMore);
  EXPECT_EQ(Scan(deep + '['), std::pair(JsonScanner::kMaxDepth, ScanState::kError));
  EXPECT_EQ(KindOfJson(deep + '['), std::nullopt);
}

// nlohmann-json is the judge: mutated JSON is a value for both or for neither.
TEST(JsonScannerTest, AgreesWithAFullParser) {
  std::mt19937 random(3);
  const std::string seed = R"({"name":"f","arguments":{"a":[1,-2.5e-3,0,true,false,null,"x\n\u0041\\"],"b":{}}})";
  const std::string alphabet = R"({}[],:"\0123456789eE+-.truefalsn ux)";
  int num_valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % text.size();
      const char byte = alphabet[random() % alphabet.size()];
      if (const unsigned how = random() % 3; how == 0) {
        text[at] = byte;
      } else if (how == 1) {
        text.erase(at, 1);
      } else {
        text.insert(at, 1, byte);
      }
    }
    const bool valid = nlohmann::json::accept(text);
    // A lone surrogate and a number that no double holds are JSON as text, which is all that the scanner knows.
    if (text.find("\\ud") != std::string::npos || text.find("e3") != std::string::npos) continue;
    EXPECT_EQ(KindOfJson(text).has_value(), valid) << text;
    num_valid += valid;
  }
  EXPECT_GT(num_valid, 1000);
  EXPECT_LT(num_valid, 19000);
}

TEST(JsonScannerTest, Kinds) {
  EXPECT_EQ(KindOfJson(" 12 "), JsonKind::kInteger);
  EXPECT_EQ(KindOfJson("-1.5"), JsonKind::kNumber);
  EXPECT_EQ(KindOfJson("\"a,b\""), JsonKind::kString);
  EXPECT_EQ(KindOfJson("true"), JsonKind::kBoolean);
  EXPECT_EQ(KindOfJson("null"), JsonKind::kNull);
  EXPECT_EQ(KindOfJson("[1, 2]"), JsonKind::kArray);
  EXPECT_EQ(KindOfJson("{\"a\":1}"), JsonKind::kObject);
  for (const char* no : {"", " ", "1, 2", "True", "nul", "01", "a", "1 2", "[1]]", "\"a"}) {
    EXPECT_EQ(KindOfJson(no), std::nullopt) << no;
  }
}

TEST(JsonScannerTest, MembersKeepTheirOwnText) {
  const auto members = JsonMembers(" { \"a\" : [1 ,2] , \"b\\u0063\":\"x}\\\"\",\"n\":-1e5 , \"o\":{ } } ");
  ASSERT_TRUE(members.has_value());
  ASSERT_EQ(members->size(), 4u);
  EXPECT_EQ((*members)[0].key, "a");
  EXPECT_EQ((*members)[0].value, "[1 ,2]");
  EXPECT_EQ((*members)[1].key, "bc");
  EXPECT_EQ((*members)[1].value, "\"x}\\\"\"");
  EXPECT_EQ((*members)[2].value, "-1e5");
  EXPECT_EQ((*members)[3].value, "{ }");
  EXPECT_EQ(JsonMembers("{}")->size(), 0u);
  EXPECT_FALSE(JsonMembers("[]").has_value());
  EXPECT_FALSE(JsonMembers("{\"\\ud800\": 1}").has_value());
  EXPECT_EQ(*JsonElements("[ {\"a\":[]},2 ]"), (std::vector<std::string_view>{"{\"a\":[]}", "2"}));
  EXPECT_EQ(JsonElements("[]")->size(), 0u);
}

TEST(JsonScannerTest, StringsGoThereAndBack) {
  const std::string text("a\"\\\b\f\n\r\t\x01/\xC3\xA9", 12);
  std::string literal;
  AppendJsonString(text, &literal);
  EXPECT_EQ(literal, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\xC3\xA9\"");
  EXPECT_EQ(DecodeJsonString(literal), text);
}

}  // namespace
}  // namespace foregate
