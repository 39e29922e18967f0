// Renders chats for the comparison with jinja2 and transformers. One JSON object a line:
// {"templates": {NAME: SOURCE}, "special_tokens": {...}} sets the model and answers {} or {"error"};
// {"context": {...}} renders the default template as it is, {"prompt": {...}} through RenderChatPrompt; both answer
// {"text"} or {"error", "code"}. Output that is not UTF-8 is a broken promise and aborts in dump().
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "server/text/chat_prompt.h"

namespace {

using Json = nlohmann::ordered_json;

Json Error(const absl::Status& status) {
  return {{"error", std::string(status.message())}, {"code", absl::StatusCodeToString(status.code())}};
}

Json Answer(const absl::StatusOr<std::string>& text) {
  return text.ok() ? Json{{"text", *text}} : Error(text.status());
}

absl::Status SetModel(const Json& line, foregate::TextModel* model) {
  *model = {};
  for (const auto& [name, source] : line.at("templates").items()) {
    auto compiled = foregate::ChatTemplate::Compile(source.get<std::string>(), name);
    if (!compiled.ok()) return compiled.status();
    (name == "default" ? model->chat_template : model->named_templates[name]) = *std::move(compiled);
  }
  model->special_tokens = line.at("special_tokens").get<std::map<std::string, std::string>>();
  return absl::OkStatus();
}

foregate::ChatPrompt ReadPrompt(const Json& json) {
  foregate::ChatPrompt prompt;
  prompt.messages = json.at("messages");
  prompt.tools = json.value("tools", Json());
  prompt.documents = json.value("documents", Json());
  prompt.template_arguments = json.value("template_arguments", Json());
  prompt.template_name = json.value("template_name", "");
  prompt.add_generation_prompt = json.value("add_generation_prompt", false);
  prompt.continue_final_message = json.value("continue_final_message", false);
  return prompt;
}

Json AnswerLine(const Json& line, foregate::TextModel* model) {
  if (line.contains("templates")) {
    const absl::Status set = SetModel(line, model);
    return set.ok() ? Json::object() : Error(set);
  }
  if (line.contains("prompt")) return Answer(RenderChatPrompt(*model, ReadPrompt(line["prompt"])));
  if (model->chat_template == nullptr) return {{"error", "no template"}, {"code", "NONE"}};
  return Answer(model->chat_template->Render(line.at("context")));
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  foregate::TextModel model;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << AnswerLine(Json::parse(line), &model).dump() << "\n";
  return 0;
}
