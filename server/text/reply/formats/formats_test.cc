// Replies as the families write them, each read whole and cut at every byte.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/text/reply/reply_reading.h"

namespace foregate {
namespace {

using Calls = std::vector<std::string>;

struct Case {
  std::string format;
  std::string text;
  ReadReply expected;
  std::string prompt_end = "";
};

void Expect(const std::vector<Case>& cases, bool has_tools = true, const nlohmann::ordered_json* tools = nullptr) {
  for (const Case& one : cases) {
    const ReplyContext context{.prompt_end = one.prompt_end, .has_tools = has_tools, .tools = tools};
    EXPECT_EQ(ReadEveryWay(one.format, context, one.text), one.expected) << one.format << ": " << one.text;
  }
}

// What every format that knows <think> does with it.
TEST(ReplyFormatsTest, Reasoning) {
  for (const std::string format : {"think", "hermes", "qwen3_coder", "deepseek_v3", "deepseek_v32", "glm45", "kimi_k2",
                                   "minimax", "minimax_m1", "nemotron", "olmo3", "lfm2", "mistral", "granite"}) {
    Expect({
        {format, "<think>\nLet me see.\n\nYes.\n</think>\n\nHello", {"Hello", "Let me see.\n\nYes.", {}}},
        {format, "\n<think>a</think>b", {"b", "a", {}}},
        {format, "<think></think>b", {"b", "", {}}},
        {format, "a < b <think>c</think>", {"a < b <think>c</think>", "", {}}},
        {format, "a</think>b", {"b", "a", {}}, "<|im_start|>assistant\n<think>"},
        {format, "\na\n</think>\n\nb", {"b", "a", {}}, "<|im_start|>assistant\n<think>"},
        {format, "a</thin", {"", "a</thin", {}}, "<|im_start|>assistant\n<think>\n"},
        {format, "a</think>b", {"a</think>b", "", {}}, "<think>\n\n</think>\n\n"},
        {format, "<thi", {"<thi", "", {}}},
        {format, "", {"", "", {}}},
    });
  }
}

TEST(ReplyFormatsTest, Plain) {
  Expect({{"plain",
           "<think>a</think><tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
           {"<think>a</think><tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "", {}},
           "<think>"}});
}

TEST(ReplyFormatsTest, Hermes) {
  Expect({
      {"hermes",
       "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1,  \"b\": \"x\"}}\n</tool_call>",
       {"", "", {"f{\"a\": 1,  \"b\": \"x\"}"}}},
      {"hermes",
       "Looking.\n\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>\n<tool_call>\n"
       "{\"arguments\":{\"k\":[]},\"name\":\"g\"}\n</tool_call>",
       {"Looking.", "", {"f{}", "g{\"k\":[]}"}}},
      {"hermes",
       "<think>\nhm <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n</think>\n\n<tool_call>\n"
       "{\"name\":\"g\",\"arguments\":{}}\n</tool_call>",
       {"", "hm <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", {"g{}"}}},
      // The end marker inside a string is a string.
      {"hermes",
       "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":\"</tool_call>\"}}</tool_call>",
       {"", "", {"f{\"x\":\"</tool_call>\"}"}}},
      // Arguments as a string that holds the object.
      {"hermes", "<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}</tool_call>", {"", "", {"f{\"a\":1}"}}},
      {"hermes",
       "<tool_call>{\"name\":\"\\u00e9\",\"arguments\":{\"\\u00e9\":\"\xC3\xA9\"}}</tool_call>",
       {"", "", {"\xC3\xA9{\"\\u00e9\":\"\xC3\xA9\"}"}}},
      {"hermes", "<tool_call>{\"name\":\"f\",\"arguments\":{}}", {"", "", {"f{}"}}},
      {"hermes", "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_", {"", "", {"f{}"}}},
  });
}

TEST(ReplyFormatsTest, HermesMalformed) {
  const auto text = [](const std::string& content) { return Case{"hermes", content, {content, "", {}}}; };
  Expect({
      text("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":"),
      text("<tool_call>{\"name\":\"f\"}</tool_call>"),
      text("<tool_call>{\"arguments\":{}}</tool_call>"),
      text("<tool_call>{\"name\":\"\",\"arguments\":{}}</tool_call>"),
      text("<tool_call>{\"name\":1,\"arguments\":{}}</tool_call>"),
      text("<tool_call>{\"name\":\"f\",\"arguments\":[]}</tool_call>"),
      text("<tool_call>{\"name\":\"f\",\"arguments\":\"no\"}</tool_call> and more"),
      text("<tool_call>{\"name\":\"\\ud800\",\"arguments\":{}}</tool_call>"),
      text("<tool_call>{name: \"f\"}</tool_call>"),
      text("<tool_call>f()</tool_call>"),
      text("Use <tool_call> to call."),
      text("\n\n<tool_cal"),
      text("<tool_call>"),
      // What follows a broken call is read as if it had not been one.
      {"hermes",
       "<tool_call>{\"a\" <tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
       {"<tool_call>{\"a\" ", "", {"f{}"}}},
      {"hermes",
       "<tool_call>\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
       {"<tool_call>\n", "", {"f{}"}}},
      {"hermes",
       "<tool_call>{\"name\":\"f\",\"arguments\":{}} x </tool_call>",
       {"<tool_call>{\"name\":\"f\",\"arguments\":{}} x </tool_call>", "", {}}},
  });
}

TEST(ReplyFormatsTest, TaggedJson) {
  Expect({
      {"longcat",
       "<longcat_think>\nhm\n</longcat_think>\n<longcat_tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n"
       "</longcat_tool_call>",
       {"", "hm", {"f{}"}}},
      {"longcat",
       "<longcat_tool_call>f\n<longcat_arg_key>a</longcat_arg_key>\n<longcat_arg_value>x</longcat_arg_value>\n"
       "</longcat_tool_call>",
       {"", "", {"f{\"a\": \"x\"}"}}},
      {"nemotron",
       "<think></think><TOOLCALL>[{\"name\": \"f\", \"arguments\": {}}, {\"name\":\"g\",\"arguments\":{\"a\":1}}]"
       "</TOOLCALL>",
       {"", "", {"f{}", "g{\"a\":1}"}}},
      {"nemotron", "<TOOLCALL>[]</TOOLCALL>", {"<TOOLCALL>[]</TOOLCALL>", "", {}}},
      {"minimax_m1",
       "hi\n<tool_calls>\n{\"name\":\"f\",\"arguments\":{}}\n{\"name\":\"g\",\"arguments\":{}}\n</tool_calls>",
       {"hi", "", {"f{}", "g{}"}}},
      {"minimax_m1",
       "<tool_calls>[{\"name\":\"f\",\"arguments\":{}, \"id\":\"call_1\"}]</tool_calls>",
       {"", "", {"call_1:f{}"}}},
      {"minimax_m1", "<tool_calls>\n{\"name\":\"f\",\"arguments\":{}}\n{\"nam", {"\n{\"nam", "", {"f{}"}}},
      {"phi4_mini", "<|tool_call|>{\"name\":\"f\",\"arguments\":{\"a\":1}}<|/tool_call|>", {"", "", {"f{\"a\":1}"}}},
      {"phi4_mini", "<|tool_call|>[{\"name\":\"f\",\"parameters\":{}}]<|/tool_call|>x", {"x", "", {"f{}"}}},
      {"phi4_mini",
       "functools[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]",
       {"", "", {"f{}", "g{}"}}},
      {"phi4_mini", "functools is a module, functools[1]", {"functools is a module, functools[1]", "", {}}},
      {"cohere",
       "<|START_THINKING|>plan<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": "
       "\"f\", \"parameters\": {}}\n]<|END_ACTION|>",
       {"", "plan", {"0:f{}"}}},
      {"cohere", "<|START_RESPONSE|>Hi.<|END_RESPONSE|>", {"Hi.", "", {}}},
  });
}

TEST(ReplyFormatsTest, Qwen3Coder) {
  Expect({
      {"qwen3_coder",
       "Sure.\n<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n<parameter=b c>\nx\ny\n\n</parameter>\n"
       "</function>\n</tool_call>",
       {"Sure.", "", {"f{\"a\": 1, \"b c\": \"x\\ny\\n\"}"}}},
      {"qwen3_coder",
       "<tool_call>\n<function=f>\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>",
       {"", "", {"f{}", "g{}"}}},
      {"qwen3_coder",
       "<function=f>\n<parameter=a>\n{\"k\": [1, 2]}\n</parameter>\n</function>",
       {"", "", {"f{\"a\": {\"k\": [1, 2]}}"}}},
      {"qwen3_coder", "<function=f></function> done", {" done", "", {"f{}"}}},
      {"qwen3_coder",
       "<tool_call>\n<function=f>\n<parameter=a>\n</function></tool_call>\n</parameter>\n</function>\n</tool_call>",
       {"", "", {"f{\"a\": \"</function></tool_call>\"}"}}},
      {"qwen3_coder",
       "<tool_call>\n<function=f>\n<parameter=a>\n1",
       {"<tool_call>\n<function=f>\n<parameter=a>\n1", "", {}}},
      {"qwen3_coder", "<tool_call>\n<function=f>\nx</function>", {"<tool_call>\n<function=f>\nx</function>", "", {}}},
      {"qwen3_coder", "<function=>", {"<function=>", "", {}}},
      {"qwen3_coder", "<function=></function>", {"<function=></function>", "", {}}},
      {"seed_oss",
       "<seed:think>hm</seed:think>\n<seed:tool_call>\n<function=f>\n<parameter=a>x\n</parameter>\n</function>\n"
       "</seed:tool_call>",
       {"", "hm", {"f{\"a\": \"x\\n\"}"}}},
  });
}

TEST(ReplyFormatsTest, Mistral) {
  Expect({
      {"mistral",
       "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"VvvODy9mT\"}]",
       {"", "", {"VvvODy9mT:f{\"a\": 1}"}}},
      {"mistral",
       "[TOOL_CALLS] [{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]",
       {"", "", {"f{}", "g{}"}}},
      {"mistral",
       "[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]g[CALL_ID]123456789[ARGS]{}",
       {"", "", {"f{\"a\": 1}", "123456789:g{}"}}},
      {"mistral", "[TOOL_CALLS]f{\"a\": 1}", {"", "", {"f{\"a\": 1}"}}},
      {"mistral", "[THINK]hm [TOOL_CALLS]f[ARGS]{}[/THINK]Hi[1].", {"Hi[1].", "hm [TOOL_CALLS]f[ARGS]{}", {}}},
      {"mistral", "x[TOOL_CALLS]no calls", {"x[TOOL_CALLS]no calls", "", {}}},
      {"mistral", "[TOOL_CALLS]f[ARGS]{\"a\":", {"[TOOL_CALLS]f[ARGS]{\"a\":", "", {}}},
      {"mistral", "[TOOL_CALLS][{\"name\":\"f\"}]", {"[TOOL_CALLS][{\"name\":\"f\"}]", "", {}}},
      {"mistral", "[TOOL_CALLS][link](x)", {"[TOOL_CALLS][link](x)", "", {}}},
      {"mistral", "[TOOL_", {"[TOOL_", "", {}}},
  });
}

TEST(ReplyFormatsTest, Llama) {
  Expect({
      {"llama3_json", "{\"name\": \"f\", \"parameters\": {\"a\": \"1\"}}", {"", "", {"f{\"a\": \"1\"}"}}},
      {"llama3_json", "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}", {"", "", {"f{}"}}},
      {"llama3_json",
       "<|python_tag|>{\"name\":\"f\",\"parameters\":{}}; {\"name\":\"g\",\"parameters\":{}}",
       {"", "", {"f{}", "g{}"}}},
      {"llama3_json",
       "<|python_tag|>brave_search.call(query=\"a \\\"b\\\"\")",
       {"", "", {"brave_search{\"query\": \"a \\\"b\\\"\"}"}}},
      {"llama3_json", "<|python_tag|>print(1)", {"<|python_tag|>print(1)", "", {}}},
      {"llama3_json", "{\"a\": 1}", {"{\"a\": 1}", "", {}}},
      {"llama3_json", "{ no", {"{ no", "", {}}},
      {"llama3_json", "Hi {\"name\": \"f\", \"parameters\": {}}", {"Hi {\"name\": \"f\", \"parameters\": {}}", "", {}}},
      {"llama3_json", "{\"name\":\"f\",\"parameters\":{}}; then", {"; then", "", {"f{}"}}},
      {"pythonic",
       "[f(a=1, b=\"x]\", c=[True, None, {'k': -1.5}]), g.h()]",
       {"", "", {"f{\"a\": 1, \"b\": \"x]\", \"c\": [true, null, {\"k\": -1.5}]}", "g.h{}"}}},
      {"pythonic", "<|python_start|>[f(a='it\\'s')]<|python_end|>", {"", "", {"f{\"a\": \"it's\"}"}}},
      {"pythonic", "{\"name\":\"f\",\"parameters\":{}}", {"", "", {"f{}"}}},
      {"pythonic", "[a link](http://x) and [f(1)]", {"[a link](http://x) and [f(1)]", "", {}}},
      {"pythonic", "[f(1)]", {"[f(1)]", "", {}}},
      {"pythonic", "[1, 2]", {"[1, 2]", "", {}}},
      {"pythonic", "[f(a=\"x\ny\")]", {"[f(a=\"x\ny\")]", "", {}}},
      {"pythonic", "[f(a=\"\"\"x\ny\"\"\", b=\"\")]", {"", "", {"f{\"a\": \"x\\ny\", \"b\": \"\"}"}}},
      {"pythonic", "[f(a=1", {"[f(a=1", "", {}}},
      {"olmo3",
       "<think>hm</think>\n<function_calls>\nf(a=1)\ng(b=\"x\\n\", c=null)\n</function_calls>",
       {"", "hm", {"f{\"a\": 1}", "g{\"b\": \"x\\n\", \"c\": null}"}}},
      {"olmo3", "<function_calls>no</function_calls>", {"<function_calls>no</function_calls>", "", {}}},
      {"lfm2", "<|tool_call_start|>[f(a=1)]<|tool_call_end|>On it.", {"On it.", "", {"f{\"a\": 1}"}}},
  });
}

TEST(ReplyFormatsTest, Deepseek) {
  Expect({
      {"deepseek_v3",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
       "\"`\"}\n```<｜tool▁call▁end｜>\n"
       "<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       {"", "", {"f{\"a\": \"`\"}", "g{}"}}},
      {"deepseek_v3",
       "ok<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
       {"ok", "", {"f{\"a\": 1}"}}},
      {"deepseek_v3",
       "hm</think><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>",
       {"", "hm", {"f{}"}},
       "<｜Assistant｜><think>"},
      {"deepseek_v3",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>[]",
       {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>[]", "", {}}},
      {"deepseek_v3", "<｜￥<｜tool▁calls▁begin｜>x", {"<｜￥<｜tool▁calls▁begin｜>x", "", {}}},
      {"deepseek_v32",
       "Hi\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" "
       "string=\"true\">5</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"b\" string=\"false\">[1, 2]</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke "
       "name=\"g\">\n"
       "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
       {"Hi", "", {"f{\"a\": \"5\", \"b\": [1, 2]}", "g{}"}}},
      {"deepseek_v32",
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       {"", "", {"f{}"}}},
      {"deepseek_v32",
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\">",
       {"<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\">", "", {}}},
  });
}

TEST(ReplyFormatsTest, Harmony) {
  Expect({
      {"harmony",
       "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi.",
       {"Hi.", "hm", {}}},
      {"harmony",
       "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.f "
       "<|constrain|>json<|message|>{\"a\": 1}<|call|>",
       {"", "hm", {"f{\"a\": 1}"}}},
      {"harmony", " to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}", {"", "", {"f{\"a\": 1}"}}},
      {"harmony",
       "<|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
       {"", "", {"f{}"}}},
      {"harmony",
       "<|channel|>commentary<|message|>I will call.<|end|><|start|>assistant<|channel|>commentary "
       "to=functions.f<|message|>{}<|call|><|start|>assistant<|channel|>commentary to=functions.g json<|message|>",
       {"I will call.", "", {"f{}", "g{}"}}},
      {"harmony", "<|channel|>final <|constrain|>json<|message|>{\"x\": 1}<|return|>", {"{\"x\": 1}", "", {}}},
      {"harmony",
       "<|channel|>analysis to=python code<|message|>print(1)<|call|>",
       {"<|channel|>analysis to=python code<|message|>print(1)<|call|>", "", {}}},
      {"harmony",
       "<|channel|>analysis to=browser.search code<|message|>{\"query\":\"x\"}<|call|>",
       {"", "", {"browser.search{\"query\":\"x\"}"}}},
      {"harmony", "plain", {"plain", "", {}}},
      {"harmony",
       "hm<|end|><|start|>assistant<|channel|>final<|message|>Hi",
       {"Hi", "hm", {}},
       "<|channel|>analysis<|message|>"},
      {"harmony", "<|channel|>nonsense<|message|>x", {"<|channel|>nonsense<|message|>x", "", {}}},
      {"harmony",
       "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":<|call|>",
       {"<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\":<|call|>", "", {}}},
  });
}

TEST(ReplyFormatsTest, GlmAndKimi) {
  Expect({
      {"glm45",
       "\n<think>hm</think>\nok\n<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n<arg_key>b</arg_key>\n"
       "<arg_value>x y\n</arg_value>\n</tool_call>",
       {"ok", "hm", {"f{\"a\": 1, \"b\": \"x y\\n\"}"}}},
      {"glm45",
       "<tool_call>f<arg_key>a</arg_key><arg_value>[]</arg_value></tool_call><tool_call>g</tool_call>",
       {"", "", {"f{\"a\": []}", "g{}"}}},
      {"glm45",
       "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n",
       {"<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n", "", {}}},
      {"glm45", "the <tool_call> tag", {"the <tool_call> tag", "", {}}},
      {"kimi_k2",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{\"a\": 1}"
       "<|tool_call_end|><|tool_call_begin|>functions.math.add:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
       "<|tool_calls_section_end|>",
       {"", "", {"functions.f:0:f{\"a\": 1}", "functions.math.add:1:math.add{}"}}},
      {"kimi_k2", "<|tool_calls_section_begin|>x", {"<|tool_calls_section_begin|>x", "", {}}},
      {"kimi_k2", "<|tool_call_begin|>f<|tool_call_argument_begin|>{}", {"", "", {"f:f{}"}}},
  });
}

TEST(ReplyFormatsTest, MinimaxAndGranite) {
  Expect({
      {"minimax",
       "hm\n</think>\n\nok\n<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">1</parameter>\n"
       "<parameter name=\"b\">x</parameter>\n</invoke>\n</minimax:tool_call>",
       {"ok", "hm", {"f{\"a\": 1, \"b\": \"x\"}"}},
       "]~b]ai\n<think>\n"},
      {"minimax", "<minimax:tool_call>\n<invoke name=\"f\"></invoke>\nx", {"\nx", "", {"f{}"}}},
      {"granite", "<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]", {"", "", {"f{}"}}},
      {"granite", "<tool_call>[{\"name\": \"f\", \"arguments\": {}}]</tool_call>x", {"x", "", {"f{}"}}},
      {"granite", "<think>hm</think>\n<response>Hi</response>", {"Hi", "hm", {}}},
      {"granite", "Here is my thought process:hm\nHere's my response: Hi </response>", {" Hi </response>", "hm", {}}},
      {"granite", "Here is my answer", {"Here is my answer", "", {}}},
      {"granite", "<|tool_call|>[{\"name\": \"f\"}]", {"<|tool_call|>[{\"name\": \"f\"}]", "", {}}},
  });
}

TEST(ReplyFormatsTest, WithoutToolsCallsAreText) {
  for (const auto& [format, call] : std::vector<std::pair<std::string, std::string>>{
           {"hermes", "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>"},
           {"qwen3_coder", "<tool_call><function=f></function></tool_call>"},
           {"mistral", "[TOOL_CALLS][{\"name\":\"f\",\"arguments\":{}}]"},
           {"llama3_json", "<|python_tag|>{\"name\":\"f\",\"parameters\":{}}"},
           {"pythonic", "[f(a=1)]"},
           {"deepseek_v3",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"},
           {"harmony", "<|channel|>commentary to=functions.f<|message|>{}<|call|>"},
           {"glm45", "<tool_call>f</tool_call>"},
           {"kimi_k2", "<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{}<|tool_call_end|>"},
           {"minimax", "<minimax:tool_call><invoke name=\"f\"></invoke></minimax:tool_call>"},
           {"granite", "<|tool_call|>[{\"name\":\"f\",\"arguments\":{}}]"}}) {
    Expect({{format, call, {call, "", {}}}}, /*has_tools=*/false);
  }
  Expect({{"hermes", "<think>a</think>b", {"b", "a", {}}}}, /*has_tools=*/false);
}

TEST(ReplyFormatsTest, SchemaTypesBareValues) {
  const auto tools = nlohmann::ordered_json::parse(R"([{"type": "function", "function": {"name": "f", "parameters": {
      "properties": {"s": {"type": "string"}, "i": {"type": "integer"}, "b": {"type": "boolean"},
                     "n": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "o": {"type": "object"}}}}}])");
  Expect({{"glm45",
           "<tool_call>f\n<arg_key>s</arg_key><arg_value>1</arg_value><arg_key>i</arg_key><arg_value>1</arg_value>"
           "<arg_key>b</arg_key><arg_value>True</arg_value><arg_key>n</arg_key><arg_value>null</arg_value>"
           "<arg_key>o</arg_key><arg_value>{'k': 1}</arg_value></tool_call>",
           {"", "", {"f{\"s\": \"1\", \"i\": 1, \"b\": true, \"n\": null, \"o\": {\"k\": 1}}"}}}},
         /*has_tools=*/true, &tools);
}

// Text must come out as soon as it can be nothing else.
TEST(ReplyFormatsTest, StreamsWhatIsCertain) {
  const auto parser = (*ReplyFormat::Find("hermes"))->NewParser({.prompt_end = "", .has_tools = true});
  EXPECT_EQ(parser->Push("<thi").content, "");
  EXPECT_EQ(parser->Push("nk>a").reasoning, "a");
  EXPECT_EQ(parser->Push("b<").reasoning, "b");
  EXPECT_EQ(parser->Push("c").reasoning, "<c");
  EXPECT_TRUE(parser->Push("</think>").empty());
  EXPECT_EQ(parser->Push("d").content, "d");
  EXPECT_TRUE(parser->Push("<tool_call>{\"name\":\"f\",\"arguments\":{}}").empty());
  EXPECT_EQ(parser->Push("</tool_call>").tool_calls.size(), 1u);
  EXPECT_EQ(parser->Push("e").content, "e");
  EXPECT_TRUE(parser->Finish().empty());
}

}  // namespace
}  // namespace foregate
