// Laws over random replies of every format: nothing is lost, and cuts change nothing. And hostile ones: time and
// memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>

#include "server/text/reply/reply_reading.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// What replies are made of: every format's markers, whole and bitten off, JSON, and words.
const std::vector<std::string>& Pieces() {
  static const auto& pieces = *new std::vector<std::string>{"<think>",
                                                            "</think>",
                                                            "\n",
                                                            "\n\n",
                                                            " ",
                                                            "word",
                                                            "{",
                                                            "}",
                                                            "[",
                                                            "]",
                                                            "\"",
                                                            "\\",
                                                            ":",
                                                            ",",
                                                            ";",
                                                            "é",
                                                            "｜",
                                                            "1",
                                                            "=",
                                                            "{\"name\": \"f\", \"arguments\": {\"a\": 1}}",
                                                            "{\"name\":\"f\",\"parameters\":{}}",
                                                            "{\"a\": \"x\"}",
                                                            "{}",
                                                            "[{\"name\":\"g\",\"arguments\":{}}]",
                                                            "[f(a=1), g(b='x')]",
                                                            "f(a=1)",
                                                            "name",
                                                            "functions.f:0",
                                                            "<tool_call>",
                                                            "</tool_call>",
                                                            "<function=f>",
                                                            "</function>",
                                                            "<parameter=a>",
                                                            "</parameter>",
                                                            "[TOOL_CALLS]",
                                                            "[ARGS]",
                                                            "[CALL_ID]",
                                                            "[THINK]",
                                                            "[/THINK]",
                                                            "<|python_tag|>",
                                                            "<|python_start|>",
                                                            "<|python_end|>",
                                                            "<｜tool▁calls▁begin｜>",
                                                            "<｜tool▁call▁begin｜>",
                                                            "<｜tool▁sep｜>",
                                                            "<｜tool▁call▁end｜>",
                                                            "<｜tool▁calls▁end｜>",
                                                            "```json\n",
                                                            "```",
                                                            "<｜DSML｜function_calls>",
                                                            "</｜DSML｜function_calls>",
                                                            "<｜DSML｜invoke name=\"f\">",
                                                            "</｜DSML｜invoke>",
                                                            "<｜DSML｜parameter name=\"a\" string=\"true\">",
                                                            "</｜DSML｜parameter>",
                                                            "<|channel|>",
                                                            "analysis",
                                                            "commentary",
                                                            "final",
                                                            "<|message|>",
                                                            "<|end|>",
                                                            "<|start|>assistant",
                                                            " to=functions.f",
                                                            "<|constrain|>json",
                                                            "<|call|>",
                                                            "<|return|>",
                                                            "<arg_key>a</arg_key>",
                                                            "<arg_value>",
                                                            "</arg_value>",
                                                            "<|tool_calls_section_begin|>",
                                                            "<|tool_call_begin|>",
                                                            "<|tool_call_argument_begin|>",
                                                            "<|tool_call_end|>",
                                                            "<|tool_calls_section_end|>",
                                                            "<minimax:tool_call>",
                                                            "</minimax:tool_call>",
                                                            "<invoke name=\"f\">",
                                                            "</invoke>",
                                                            "<parameter name=\"a\">",
                                                            "<|tool_call|>",
                                                            "<|/tool_call|>",
                                                            "functools",
                                                            "<response>",
                                                            "</response>",
                                                            "Here is my thought process:",
                                                            "Here is my response:",
                                                            "<function_calls>",
                                                            "</function_calls>",
                                                            "<tool_calls>",
                                                            "</tool_calls>",
                                                            "<|tool_call_start|>",
                                                            "<seed:tool_call>",
                                                            "</seed:tool_call>",
                                                            "<TOOLCALL>",
                                                            "</TOOLCALL>",
                                                            "<|START_ACTION|>",
                                                            "<|END_ACTION|>"};
  return pieces;
}

// One whole call of each spelling.
const std::vector<std::string>& WholeCalls() {
  static const auto& calls = *new std::vector<std::string>{
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
      "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
      "[TOOL_CALLS]f[ARGS]{\"a\": 1}",
      "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}",
      "<|python_start|>[f(a=1)]<|python_end|>",
      "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
      "<｜DSML｜function_calls><｜DSML｜invoke name=\"f\"></｜DSML｜invoke></｜DSML｜function_calls>",
      "<|start|>assistant<|channel|>commentary to=functions.f<|message|>{}<|call|>",
      "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
      "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
      "<minimax:tool_call><invoke name=\"f\"></invoke></minimax:tool_call>",
      "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]<|/tool_call|>",
      "<function_calls>f(a=1)</function_calls>",
      "<tool_calls>{\"name\": \"f\", \"arguments\": {}}</tool_calls>"};
  return calls;
}

std::string RandomReply(std::mt19937* random) {
  std::string text;
  for (size_t n = (*random)() % 16; n > 0; --n) {
    const std::string& piece = Pieces()[(*random)() % Pieces().size()];
    if ((*random)() % 6 == 0) text += WholeCalls()[(*random)() % WholeCalls().size()];
    text += (*random)() % 8 == 0 ? piece.substr(0, (*random)() % piece.size()) : piece;
  }
  return text;
}

TEST(ReplyPropertyTest, CutsChangeNothingAndNothingIsLost) {
  std::mt19937 random(11);
  size_t num_calls = 0;
  size_t num_reasoning = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = RandomReply(&random);
    for (const std::string_view format : ReplyFormat::Names()) {
      const ReplyContext context{.prompt_end = random() % 4 == 0 ? "<think>\n" : "", .has_tools = random() % 8 != 0};
      const ReadReply whole = ReadCut(format, context, text, {});
      std::vector<size_t> cuts;
      for (size_t cut = 0; cut < text.size(); cut += 1 + random() % 9) cuts.push_back(cut);
      EXPECT_EQ(ReadCut(format, context, text, cuts), whole) << format << " " << text;
      num_calls += whole.calls.size();
      num_reasoning += !whole.reasoning.empty();
    }
    if (HasFailure()) return;
  }
  // The law says little about replies that have neither.
  EXPECT_GT(num_calls, 1000u);
  EXPECT_GT(num_reasoning, 1000u);
}

TEST(ReplyPropertyTest, WholeCharactersStayWhole) {
  std::mt19937 random(12);
  for (int round = 0; round < 500; ++round) {
    std::string text = RandomReply(&random);
    text.resize(FirstInvalidUtf8(text).value_or(text.size()));
    for (const std::string_view format : ReplyFormat::Names()) {
      const auto parser = (*ReplyFormat::Find(format))->NewParser({.prompt_end = "", .has_tools = true});
      const auto check = [&](const ReplyDelta& delta) {
        EXPECT_EQ(FirstInvalidUtf8(delta.content), std::nullopt) << format << " " << text;
        EXPECT_EQ(FirstInvalidUtf8(delta.reasoning), std::nullopt) << format << " " << text;
      };
      for (size_t i = 0; i < text.size();) {
        const size_t length = Utf8Length(text[i]);
        check(parser->Push(text.substr(i, length)));
        i += length;
      }
      check(parser->Finish());
    }
  }
}

std::string Repeat(std::string_view piece, size_t num_bytes) {
  std::string text;
  while (text.size() < num_bytes) text += piece;
  return text;
}

// A megabyte of what looks like calls all the time: linear, whole and in small pieces.
TEST(ReplyPropertyTest, HostileRepliesAreLinear) {
  constexpr size_t kBytes = 1 << 20;
  constexpr size_t kCutBytes = 1 << 17;
  for (const std::string piece :
       {"<tool_call", "<tool_call>", "{", "[", "<tool_call>{\"a\":", "[TOOL_CALLS]", "[f(", "\n", " ", "<", "\"",
        "[TOOL_CALLS]f", "<function=f>", "<｜tool▁call▁begin｜>", "<|channel|>", "<｜", "<function=f><parameter=a>"}) {
    const std::string text = Repeat(piece, kBytes);
    std::vector<size_t> cuts;
    for (size_t cut = 3; cut < kCutBytes; cut += 3) cuts.push_back(cut);
    for (const std::string_view format : ReplyFormat::Names()) {
      if (piece != "<" && format != "hermes" && format != "qwen3_coder" && format != "mistral" &&
          format != "llama3_json" && format != "pythonic" && format != "deepseek_v3" && format != "harmony") {
        continue;
      }
      const ReplyContext context{.prompt_end = "", .has_tools = true};
      const std::clock_t begin = std::clock();  // of the process, whatever else the machine does
      ReadCut(format, context, text, {});
      EXPECT_LT(std::clock() - begin, CLOCKS_PER_SEC) << format << " " << piece;
      // Quadratic in the pieces would be 2,000 times as slow as this.
      const std::string_view head = std::string_view(text).substr(0, kCutBytes);
      const std::clock_t begin_cut = std::clock();
      const ReadReply cut = ReadCut(format, context, head, cuts);
      EXPECT_LT(std::clock() - begin_cut, CLOCKS_PER_SEC) << format << " " << piece;
      EXPECT_TRUE(ReadCut(format, context, head, {}) == cut) << format << " " << piece;
    }
  }
}

TEST(ReplyPropertyTest, TooLongCallIsText) {
  const auto reply_of = [](size_t num_bytes) {
    const std::string head = "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"";
    const std::string tail = "\"}}</tool_call>";
    std::string value;
    while (value.size() + head.size() + tail.size() + 2 <= num_bytes) value += "é";
    value.append(num_bytes - head.size() - tail.size() - value.size(), 'x');
    return head + value + tail;
  };
  for (const size_t excess : {size_t{0}, size_t{1}, size_t{2}}) {
    const std::string text = reply_of(ReplyParser::kMaxCallBytes + excess);
    ASSERT_EQ(text.size(), ReplyParser::kMaxCallBytes + excess);
    std::vector<size_t> cuts;
    for (size_t cut = 1000; cut < text.size(); cut += 1000) cuts.push_back(cut);
    const ReadReply whole = ReadCut("hermes", {.prompt_end = "", .has_tools = true}, text + "x", {});
    EXPECT_EQ(whole.calls.size(), excess == 0 ? 1u : 0u);
    EXPECT_EQ(whole.content.size(), excess == 0 ? 1 : text.size() + 1);
    EXPECT_TRUE(ReadCut("hermes", {.prompt_end = "", .has_tools = true}, text + "x", cuts) == whole);
  }
}

}  // namespace
}  // namespace foregate
