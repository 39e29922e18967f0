#include "server/text/reply/python_calls.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

std::string Json(std::string_view literal) { return PythonLiteralToJson(literal).value_or("none"); }

std::string Calls(std::string_view text) {
  const auto calls = ParsePythonCalls(text);
  if (!calls.has_value()) return "none";
  std::string all;
  for (const ReplyToolCall& call : *calls) all += call.name + call.arguments + ";";
  return all;
}

TEST(PythonCallsTest, Literals) {
  EXPECT_EQ(Json("12"), "12");
  EXPECT_EQ(Json("-1_000"), "-1000");
  EXPECT_EQ(Json("+1."), "1.0");
  EXPECT_EQ(Json(".5e-3"), "0.5e-3");
  EXPECT_EQ(Json("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(Json("True"), "true");
  EXPECT_EQ(Json("None"), "null");
  EXPECT_EQ(Json("'it''s'"), "\"its\"");
  EXPECT_EQ(Json(R"('a\'\n\x41\u00e9\U0001F600\101\q')"),
            "\"a'\\nA\xC3\xA9\xF0\x9F\x98\x80"
            "A\\\\q\"");
  EXPECT_EQ(Json("'''a\n'b''' \"c\""), "\"a\\n'bc\"");
  EXPECT_EQ(Json("[1, (2,), (3), (), {'a': {}}, ]"), "[1, [2], 3, [], {\"a\": {}}]");
  for (const char* no : {"", "01", "1a", "1..2", "'a", "'a\nb'", "[1", "[1 2]", "{1: 2}", "{'a'}", "x", "f(1)", "-",
                         ".", "'\\ud800'", "'\\x4'", "1 2"}) {
    EXPECT_EQ(Json(no), "none") << no;
  }
}

TEST(PythonCallsTest, Calls) {
  EXPECT_EQ(Calls("[f(a=1, b='x'), g.h-i()]"), "f{\"a\": 1, \"b\": \"x\"};g.h-i{};");
  EXPECT_EQ(Calls("f(a=[1,\n2],)\ng()\n"), "f{\"a\": [1, 2]};g{};");
  for (const char* no : {"", "[]", "f", "f(1)", "f(a=)", "f(a=1", "f(a=1) x", "(f())", "[f()", "f(a=b)"}) {
    EXPECT_EQ(Calls(no), "none") << no;
  }
}

TEST(PythonCallsTest, DepthIsBounded) {
  EXPECT_EQ(Json(std::string(kMaxPythonDepth + 10, '[') + std::string(kMaxPythonDepth + 10, ']')), "none");
  PythonListScanner scanner;
  ScanState state = ScanState::kMore;
  for (const char byte : "[f(" + std::string(kMaxPythonDepth, '(')) state = scanner.Feed(byte);
  EXPECT_EQ(state, ScanState::kError);
}

TEST(PythonCallsTest, ScannerEndsWhereTheListEnds) {
  const auto end_of = [](std::string_view text) -> std::pair<size_t, ScanState> {
    PythonListScanner scanner;
    for (size_t i = 0; i < text.size(); ++i) {
      if (const ScanState state = scanner.Feed(text[i]); state != ScanState::kMore) return {i, state};
    }
    return {text.size(), ScanState::kMore};
  };
  EXPECT_EQ(end_of("[f(a=']', b=\"\", c='''])'''), g()] x"), std::pair(size_t{32}, ScanState::kDone));
  EXPECT_EQ(end_of("[f(a='\\'')]"), std::pair(size_t{10}, ScanState::kDone));
  EXPECT_EQ(end_of("[text](x)"), std::pair(size_t{5}, ScanState::kError));
  EXPECT_EQ(end_of("[1]"), std::pair(size_t{1}, ScanState::kError));
  EXPECT_EQ(end_of("[f(]"), std::pair(size_t{3}, ScanState::kError));
  EXPECT_EQ(end_of("[f('a\n"), std::pair(size_t{5}, ScanState::kError));
}

}  // namespace
}  // namespace foregate
