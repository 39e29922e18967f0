#include "server/text/reply/reply_format.h"

#include <gtest/gtest.h>

#include <set>

namespace foregate {
namespace {

TEST(ReplyFormatTest, FindsByNameAndAlias) {
  const std::vector<std::string_view> names = ReplyFormat::Names();
  EXPECT_EQ(names.front(), "plain");
  EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), names.size());
  for (const std::string_view name : names) {
    const auto format = ReplyFormat::Find(name);
    ASSERT_TRUE(format.ok());
    EXPECT_EQ((*format)->name(), name);
  }
  EXPECT_EQ((*ReplyFormat::Find("deepseek_r1"))->name(), "deepseek_v3");
  EXPECT_EQ((*ReplyFormat::Find("deepseek_v31"))->name(), "deepseek_v3");
  EXPECT_EQ((*ReplyFormat::Find("gpt_oss"))->name(), "harmony");
}

TEST(ReplyFormatTest, UnknownNameListsTheKnown) {
  const auto format = ReplyFormat::Find("nonsense");
  ASSERT_FALSE(format.ok());
  EXPECT_EQ(format.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(format.status().message());
  EXPECT_NE(message.find("\"nonsense\""), std::string::npos);
  for (const std::string_view name : ReplyFormat::Names()) EXPECT_NE(message.find(name), std::string::npos) << name;
}

// In each family's style; the words are ours.
TEST(ReplyFormatTest, DetectsByTheTemplatesMarkers) {
  const auto detect = [](std::string_view source) { return ReplyFormat::Detect(source).name(); };
  EXPECT_EQ(detect(""), "plain");
  EXPECT_EQ(detect("{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' }}"), "plain");
  EXPECT_EQ(detect("{{ '<think>\n' + reasoning + '\n</think>\n\n' + content }}"), "think");
  EXPECT_EQ(detect("{{ '<think>' }}{{ '\n<tool_call>\n{\"name\": \"' + call.name + '\", \"arguments\": ' }}"),
            "hermes");
  EXPECT_EQ(detect("<tool_call>\n<function=f>\n<parameter=p>\nvalue\n</parameter>\n</function>\n</tool_call>"),
            "qwen3_coder");
  EXPECT_EQ(detect("{{ '<tool_call>' + tc.name }}<arg_key>{{ k }}</arg_key><arg_value>{{ v }}</arg_value></tool_call>"),
            "glm45");
  EXPECT_EQ(detect("{{ '[AVAILABLE_TOOLS]' + tools + '[/AVAILABLE_TOOLS]' }}"), "mistral");
  EXPECT_EQ(detect("{{ '[TOOL_CALLS]' + name + '[ARGS]' }}"), "mistral");
  EXPECT_EQ(detect("<|start_header_id|>{# {\"name\": f, \"parameters\": {}} #}"), "llama3_json");
  EXPECT_EQ(detect("<|start_header_id|>user<|end_header_id|>"), "plain");
  EXPECT_EQ(detect("{{ '<|header_start|>' + role }}{{ '<|python_start|>' }}"), "pythonic");
  EXPECT_EQ(detect("{{ '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' }}<think>"), "deepseek_v3");
  EXPECT_EQ(detect("{% set dsml_token = '｜DSML｜' %}<think>"), "deepseek_v32");
  EXPECT_EQ(detect("{{ '<|start|>assistant<|channel|>final<|message|>' }}"), "harmony");
  EXPECT_EQ(detect("<|tool_calls_section_begin|>"), "kimi_k2");
  EXPECT_EQ(detect("{% set t = '<minimax:tool_call>' %}<think>"), "minimax");
  EXPECT_EQ(detect("{{ '<|start_of_role|>assistant' }} use <|tool_call|> followed by a list"), "granite");
  EXPECT_EQ(detect("{{ '<|start_of_role|>assistant' }}<tool_call>"), "hermes");
  EXPECT_EQ(detect("<|tool_call|>{}<|/tool_call|>"), "phi4_mini");
  EXPECT_EQ(detect("<function_calls>"), "olmo3");
  EXPECT_EQ(detect("<seed:tool_call><function=f><parameter=p>"), "seed_oss");
}

}  // namespace
}  // namespace foregate
