// How long a chat of 100 messages takes to render: templates in the styles of ChatML, Qwen3 with thinking and with
// tools, Hermes, Llama 3 and DeepSeek, from tests/data/templates/chats/families.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "server/text/chat_template.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr int kNumMessages = 100;

Json Conversation() {
  Json messages = Json::array({{{"role", "system"}, {"content", "You are a helpful assistant."}}});
  for (int i = 1; i < kNumMessages; ++i) {
    const bool user = i % 2 == 1;
    std::string content = user ? "And what about case " + std::to_string(i) + "? " : "That is answered as follows: ";
    for (int word = 0; word < 40; ++word) content += "some words ";
    messages.push_back({{"role", user ? "user" : "assistant"}, {"content", content}});
  }
  return messages;
}

Json Tools() {
  Json tools = Json::array();
  for (const char* name : {"weather", "search", "calculator"}) {
    const Json place = {{"type", "string"}, {"description", "The name of a place"}};
    const Json parameters = {{"type", "object"}, {"properties", {{"place", place}}}, {"required", {"place"}}};
    const Json function = {{"name", name}, {"description", "Does it."}, {"parameters", parameters}};
    tools.push_back({{"type", "function"}, {"function", function}});
  }
  return tools;
}

std::string ReadTemplate(const std::string& name) {
  std::ifstream file("tests/data/templates/chats/families/" + name);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file.good() || content.str().empty()) {
    std::cerr << "run from the root of the repository: no " << name << "\n";
    std::exit(1);
  }
  return content.str();
}

void RenderChat(benchmark::State& state, const std::string& name) {
  const auto compiled = foregate::ChatTemplate::Compile(ReadTemplate(name), name);
  const Json context = {{"messages", Conversation()},
                        {"tools", Tools()},
                        {"add_generation_prompt", true},
                        {"bos_token", "<s>"},
                        {"eos_token", "</s>"}};
  size_t bytes = 0;
  for (auto _ : state) {
    const auto text = (*compiled)->Render(context);
    if (!text.ok()) {
      state.SkipWithError(std::string(text.status().message()).c_str());
      return;
    }
    bytes = text->size();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

BENCHMARK_CAPTURE(RenderChat, chatml, "chatml_default.jinja")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RenderChat, qwen3_thinking, "qwen3_multi_step.jinja")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RenderChat, qwen3_tools, "qwen3_coder.jinja")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RenderChat, hermes_tools, "hermes_tools.jinja")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RenderChat, llama3, "llama3_1.jinja")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(RenderChat, deepseek, "deepseek_v3_1.jinja")->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
