#include "server/text/reply/tool_schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace foregate {
namespace {

TEST(ToolSchemaTest, TypesDecide) {
  const auto tools = nlohmann::ordered_json::parse(R"([
    {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
      "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
      "o": {"type": "object"}, "a": {"type": "array"}, "sn": {"type": ["string", "null"]},
      "si": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "e": {"enum": ["1", "2"]}, "c": {"const": "1"},
      "u": {"description": "no type"}}}}},
    {"name": "bare", "parameters": {"properties": {"s": {"type": "string"}}}}, 5, {"function": 1}, {"name": 2}])");
  const ToolSchema schema(&tools);
  const auto value = [&](std::string_view parameter, std::string_view text) {
    std::string json;
    schema.AppendValue("f", parameter, text, &json);
    return json;
  };
  EXPECT_EQ(value("s", "1"), "\"1\"");
  EXPECT_EQ(value("s", " {\"a\": 1}\n"), "\" {\\\"a\\\": 1}\\n\"");
  EXPECT_EQ(value("i", " 1 "), "1");
  EXPECT_EQ(value("i", "one"), "\"one\"");
  EXPECT_EQ(value("n", "1.50"), "1.50");
  EXPECT_EQ(value("b", "True"), "true");
  EXPECT_EQ(value("b", "None"), "null");
  EXPECT_EQ(value("i", "True"), "\"True\"");
  EXPECT_EQ(value("o", "{\"k\":  1}"), "{\"k\":  1}");
  EXPECT_EQ(value("o", "{'k': True}"), "{\"k\": true}");
  EXPECT_EQ(value("a", "['x', 1]"), "[\"x\", 1]");
  EXPECT_EQ(value("a", "[x]"), "\"[x]\"");
  EXPECT_EQ(value("sn", "null"), "null");
  EXPECT_EQ(value("sn", "5"), "\"5\"");
  EXPECT_EQ(value("si", "5"), "5");
  EXPECT_EQ(value("si", "5.5"), "\"5.5\"");
  EXPECT_EQ(value("e", "1"), "\"1\"");
  EXPECT_EQ(value("c", "1"), "\"1\"");
  EXPECT_EQ(value("u", "1"), "1");
  EXPECT_EQ(value("unknown", "true"), "true");
  EXPECT_EQ(value("unknown", "True"), "\"True\"");
  EXPECT_EQ(value("unknown", ""), "\"\"");
  std::string json;
  schema.AppendValue("bare", "s", "1", &json);
  EXPECT_EQ(json, "\"1\"");
}

TEST(ToolSchemaTest, AnythingMayBeHandedIn) {
  for (const char* text :
       {"null", "{}", "[null]", "[[]]", R"([{"name": "f", "parameters": []}])",
        R"([{"name": "f", "parameters": {"properties": {"a": 1, "b": {"anyOf": {}, "type": [1]}}}}])"}) {
    const auto tools = nlohmann::ordered_json::parse(text);
    std::string json;
    ToolSchema(&tools).AppendValue("f", "b", "1", &json);
    EXPECT_EQ(json, "1") << text;
  }
  std::string json;
  ToolSchema(nullptr).AppendValue("f", "a", "x", &json);
  EXPECT_EQ(json, "\"x\"");
}

TEST(ToolSchemaTest, UnionsAreFollowedOnlySoDeep) {
  nlohmann::ordered_json schema = {{"type", "string"}};
  for (int i = 0; i < 100; ++i) schema = {{"anyOf", nlohmann::ordered_json::array({schema})}};
  nlohmann::ordered_json tool = {{"name", "f"}};
  tool["parameters"]["properties"]["a"] = schema;
  const auto tools = nlohmann::ordered_json::array({tool});
  std::string json;
  ToolSchema(&tools).AppendValue("f", "a", "1", &json);
  EXPECT_EQ(json, "1");
}

}  // namespace
}  // namespace foregate
