#include "server/text/tokenizer/post_processor.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

using Ids = std::vector<int32_t>;

absl::StatusOr<PostProcessor> Read(const char* text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  return ReadPostProcessor(JsonNode(&json, "t.json: post_processor"));
}

constexpr char kTemplate[] = R"({"type": "TemplateProcessing",
  "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}],
  "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
  "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]},
                     "</s>": {"id": "</s>", "ids": [2, 3], "tokens": ["</s>", "x"]}}})";

TEST(PostProcessorTest, ATemplateStandsAroundTheText) {
  const auto processor = Read(kTemplate);
  ASSERT_TRUE(processor.ok()) << processor.status();
  EXPECT_EQ(processor->prefix, Ids({1}));
  EXPECT_EQ(processor->suffix, Ids({2, 3}));
}

TEST(PostProcessorTest, ClsAndSep) {
  const auto processor = Read(R"({"type": "BertProcessing", "cls": ["[CLS]", 8], "sep": ["[SEP]", 9]})");
  ASSERT_TRUE(processor.ok()) << processor.status();
  EXPECT_EQ(processor->prefix, Ids({8}));
  EXPECT_EQ(processor->suffix, Ids({9}));
}

// What the first puts around the text are parts of their own to the second, which takes two at most.
TEST(PostProcessorTest, ASequenceTakesPartsAsSequences) {
  const std::string bert = R"({"type": "BertProcessing", "cls": ["[CLS]", 8], "sep": ["[SEP]", 9]})";
  const auto level = Read((R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, )" + bert + "]}").c_str());
  ASSERT_TRUE(level.ok()) << level.status();
  EXPECT_EQ(level->suffix, Ids({9}));
  const std::string twice = R"({"type": "Sequence", "processors": [)" + std::string(kTemplate) + "," + kTemplate + "]}";
  EXPECT_NE(Read(twice.c_str()).status().message().find("3 parts"), std::string::npos) << Read(twice.c_str()).status();
}

TEST(PostProcessorTest, WhatLosesTheTextIsRefused) {
  const auto nothing = Read(R"({"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}})");
  EXPECT_EQ(nothing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(nothing.status().message().find("0 times"), std::string::npos) << nothing.status();
}

TEST(PostProcessorTest, AnUnknownOneIsNamed) {
  EXPECT_NE(Read(R"({"type": "Magic"})").status().message().find("Magic"), std::string::npos);
}

}  // namespace
}  // namespace foregate
