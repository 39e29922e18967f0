#include "server/generation/served_text.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

const char* RoleName(ChatRole role) {
  switch (role) {
    case ChatRole::kSystem:
      return "system";
    case ChatRole::kUser:
      return "user";
    case ChatRole::kAssistant:
      return "assistant";
    case ChatRole::kTool:
      return "tool";
  }
  return "user";
}

Json ToJson(const ChatMessage& message) {
  Json json = Json::object();
  json["role"] = RoleName(message.role);
  json["content"] = message.content;
  if (message.name) json["name"] = *message.name;
  if (!message.tool_calls.empty()) {
    Json calls = Json::array();
    for (const ToolCall& call : message.tool_calls) {
      Json function = Json::object();
      function["name"] = call.name;
      function["arguments"] = call.arguments;
      Json entry = Json::object();
      if (!call.id.empty()) entry["id"] = call.id;
      entry["type"] = "function";
      entry["function"] = std::move(function);
      calls.push_back(std::move(entry));
    }
    json["tool_calls"] = std::move(calls);
  }
  if (message.tool_call_id) json["tool_call_id"] = *message.tool_call_id;
  return json;
}

Json ToJson(const ToolDefinition& tool) {
  Json function = Json::object();
  function["name"] = tool.name;
  if (tool.description) function["description"] = *tool.description;
  function["parameters"] = tool.parameters;
  Json json = Json::object();
  json["type"] = "function";
  json["function"] = std::move(function);
  return json;
}

constexpr std::string_view kStandardVariables[] = {"messages",  "tools",     "documents", "add_generation_prompt",
                                                   "bos_token", "eos_token", "pad_token", "unk_token"};

// The variables that transformers' apply_chat_template defines; a special token that the checkpoint lacks is undefined
// there, and so it is here.
absl::StatusOr<Json> TemplateContext(const TextModel& text, const Conversation& conversation) {
  Json context = Json::object();
  Json messages = Json::array();
  for (const ChatMessage& message : conversation.messages) messages.push_back(ToJson(message));
  context["messages"] = std::move(messages);
  context["tools"] = nullptr;
  if (!conversation.tools.empty()) {
    Json tools = Json::array();
    for (const ToolDefinition& tool : conversation.tools) tools.push_back(ToJson(tool));
    context["tools"] = std::move(tools);
  }
  context["documents"] = nullptr;
  context["add_generation_prompt"] = conversation.add_generation_prompt;
  const std::pair<const char*, const std::string*> special[] = {{"bos_token", &text.bos_token},
                                                                {"eos_token", &text.eos_token},
                                                                {"pad_token", &text.pad_token},
                                                                {"unk_token", &text.unk_token}};
  for (const auto& [name, token] : special) {
    if (!token->empty()) context[name] = *token;
  }
  if (!conversation.template_arguments.is_object()) return context;
  const auto is_standard = [&](const std::string& key) {
    return std::find(std::begin(kStandardVariables), std::end(kStandardVariables), key) != std::end(kStandardVariables);
  };
  // Appended as to a list: the arguments' keys are distinct, and an ordered object's operator[] searches all of them.
  auto& members = context.get_ref<Json::object_t&>();
  for (const auto& [key, value] : conversation.template_arguments.get_ref<const Json::object_t&>()) {
    if (is_standard(key)) {
      return InvalidField("conversation.template_arguments." + key, "cannot replace this standard variable");
    }
    members.push_back({key, value});
  }
  return context;
}

// As transformers chooses: a template named tool_use serves conversations with tools.
const ChatTemplate* TemplateFor(const TextModel& text, const Conversation& conversation) {
  if (!conversation.tools.empty()) {
    const auto found = text.named_templates.find("tool_use");
    if (found != text.named_templates.end()) return found->second.get();
  }
  return text.chat_template.get();
}

}  // namespace

absl::Status CheckModelName(const std::string& served, const std::string& name) {
  if (name.empty() || name == served) return absl::OkStatus();
  return WithField(WithReason(absl::NotFoundError("model \"" + name + "\" is not served here; \"" + served + "\" is"),
                              reason::kModelNotFound),
                   "model");
}

absl::Status RequireTokenizer(const TextModel& text, const std::string& what) {
  if (text.tokenizer != nullptr) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError("the served checkpoint has no tokenizer, which " + what + " needs; send token ids"),
      reason::kNoTokenizer);
}

absl::StatusOr<std::vector<int32_t>> EncodeField(const TextModel& text, const std::string& input,
                                                 bool add_special_tokens, const std::string& field) {
  absl::StatusOr<std::vector<int32_t>> ids = text.tokenizer->Encode(input, {.add_special_tokens = add_special_tokens});
  if (!ids.ok()) return WithField(std::move(ids).status(), field);
  return ids;
}

absl::StatusOr<std::string> DecodeField(const TextModel& text, const std::vector<int32_t>& ids,
                                        bool skip_special_tokens, const std::string& field) {
  FOREGATE_RETURN_IF_ERROR(ValidateTokenIds(ids, text.tokenizer->vocab_size(), field));
  absl::StatusOr<std::string> decoded = text.tokenizer->Decode(ids, skip_special_tokens);
  if (!decoded.ok()) return WithField(std::move(decoded).status(), field);
  return decoded;
}

absl::StatusOr<RenderedPrompt> RenderConversation(const TextModel& text, const Conversation& conversation) {
  FOREGATE_RETURN_IF_ERROR(RequireTokenizer(text, "a conversation"));
  const ChatTemplate* chat_template = TemplateFor(text, conversation);
  if (chat_template == nullptr) {
    return WithReason(absl::FailedPreconditionError("the served checkpoint has no chat template; send a text prompt"),
                      reason::kNoChatTemplate);
  }
  FOREGATE_ASSIGN_OR_RETURN(const Json context, TemplateContext(text, conversation));
  RenderedPrompt rendered;
  absl::StatusOr<std::string> prompt = chat_template->Render(context);
  if (!prompt.ok()) return WithField(std::move(prompt).status(), "conversation");
  rendered.text = *std::move(prompt);
  // The template has written the special tokens itself.
  FOREGATE_ASSIGN_OR_RETURN(rendered.token_ids, text.tokenizer->Encode(rendered.text, {.add_special_tokens = false}));
  return rendered;
}

}  // namespace foregate
