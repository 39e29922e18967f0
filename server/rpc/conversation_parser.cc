#include "server/rpc/conversation_parser.h"

#include <string>
#include <utility>

#include "foregate/inference/v1/inference.pb.h"
#include "kernels/base/status_macros.h"
#include "server/generation/status_details.h"
#include "server/rpc/json_fields.h"

namespace foregate {
namespace {

namespace wire = inference::v1;
using Json = nlohmann::ordered_json;

std::string Element(const std::string& field, int index) { return field + "[" + std::to_string(index) + "]"; }

absl::StatusOr<std::string> RoleOf(const wire::ChatMessage& message, const std::string& field) {
  if (message.has_other_role()) {
    if (message.role() != wire::ROLE_UNSPECIFIED) return InvalidField(field + ".other_role", "contradicts role");
    if (message.other_role().empty()) return InvalidField(field + ".other_role", "must not be empty");
    return message.other_role();
  }
  switch (message.role()) {
    case wire::ROLE_SYSTEM:
      return "system";
    case wire::ROLE_USER:
      return "user";
    case wire::ROLE_ASSISTANT:
      return "assistant";
    case wire::ROLE_TOOL:
      return "tool";
    case wire::ROLE_DEVELOPER:
      return "developer";
    default:
      return InvalidField(
          field + ".role",
          "must be ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL or ROLE_DEVELOPER, or be unset beside other_role; "
          "got " +
              std::to_string(static_cast<int>(message.role())));
  }
}

absl::StatusOr<Json> PartsOf(const wire::ChatMessage& message, const std::string& field) {
  if (message.has_content()) return InvalidField(field + ".parts", "contradicts content; set one of them");
  Json parts = Json::array();
  for (int i = 0; i < message.parts_size(); ++i) {
    const wire::ContentPart& part = message.parts(i);
    const std::string part_field = Element(field + ".parts", i);
    switch (part.part_case()) {
      case wire::ContentPart::kText:
        parts.push_back(Json::object({{"type", "text"}, {"text", part.text()}}));
        break;
      case wire::ContentPart::kJson: {
        FOREGATE_ASSIGN_OR_RETURN(parts.emplace_back(), ObjectTextField(part.json(), part_field + ".json"));
        break;
      }
      case wire::ContentPart::PART_NOT_SET:
        return InvalidField(part_field, "either text or json is needed");
    }
  }
  return parts;
}

absl::StatusOr<Json> ContentOf(const wire::ChatMessage& message, const std::string& role, const std::string& field) {
  if (message.parts_size() > 0) return PartsOf(message, field);
  // An assistant that only calls tools says nothing; for anybody else nothing is an empty text.
  if (!message.has_content() && role == "assistant" && message.tool_calls_size() > 0) return Json(nullptr);
  return Json(message.content());
}

absl::StatusOr<Json> ToJson(const wire::ToolCall& call, const std::string& field) {
  if (call.name().empty()) return InvalidField(field + ".name", "must not be empty");
  Json function = Json::object({{"name", call.name()}});
  FOREGATE_ASSIGN_OR_RETURN(
      function["arguments"],
      ObjectField(call.has_arguments() ? &call.arguments() : nullptr,
                  call.has_arguments_json() ? &call.arguments_json() : nullptr, field + ".arguments"));
  Json json = Json::object();
  if (!call.id().empty()) json["id"] = call.id();
  json["type"] = "function";
  json["function"] = std::move(function);
  return json;
}

absl::StatusOr<Json> ToJson(const wire::ChatMessage& message, const std::string& field) {
  FOREGATE_ASSIGN_OR_RETURN(const std::string role, RoleOf(message, field));
  Json json = Json::object({{"role", role}});
  FOREGATE_ASSIGN_OR_RETURN(json["content"], ContentOf(message, role, field));
  if (message.has_name()) json["name"] = message.name();
  if (message.tool_calls_size() > 0 && role != "assistant" && !message.has_other_role()) {
    return InvalidField(field + ".tool_calls", "only an assistant's message makes tool calls");
  }
  for (int i = 0; i < message.tool_calls_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(json["tool_calls"].emplace_back(),
                              ToJson(message.tool_calls(i), Element(field + ".tool_calls", i)));
  }
  if (message.has_tool_call_id()) json["tool_call_id"] = message.tool_call_id();
  if (message.has_reasoning_content()) json["reasoning_content"] = message.reasoning_content();
  if (!message.has_extra_json()) return json;
  FOREGATE_ASSIGN_OR_RETURN(Json extra, ObjectTextField(message.extra_json(), field + ".extra_json"));
  const Json::object_t own = json.get_ref<const Json::object_t&>();
  auto& members = json.get_ref<Json::object_t&>();
  for (auto& [key, value] : extra.get_ref<Json::object_t&>()) {
    if (own.find(key) != own.end()) {
      return InvalidField(field + ".extra_json", "has the key \"" + key + "\", which is a field of its own");
    }
    members.push_back({key, std::move(value)});
  }
  return json;
}

absl::StatusOr<Json> ToJson(const wire::ToolDefinition& tool, const std::string& field) {
  if (tool.name().empty()) return InvalidField(field + ".name", "must not be empty");
  Json function = Json::object({{"name", tool.name()}});
  if (tool.has_description()) function["description"] = tool.description();
  FOREGATE_ASSIGN_OR_RETURN(
      function["parameters"],
      ObjectField(tool.has_parameters() ? &tool.parameters() : nullptr,
                  tool.has_parameters_json() ? &tool.parameters_json() : nullptr, field + ".parameters"));
  return Json::object({{"type", "function"}, {"function", std::move(function)}});
}

}  // namespace

absl::StatusOr<ChatPrompt> ParseConversation(const wire::Conversation& conversation) {
  ChatPrompt prompt;
  if (conversation.messages_size() == 0) {
    return InvalidField("conversation.messages", "at least one message is needed");
  }
  prompt.messages = Json::array();
  for (int i = 0; i < conversation.messages_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(prompt.messages.emplace_back(),
                              ToJson(conversation.messages(i), Element("conversation.messages", i)));
  }
  for (int i = 0; i < conversation.tools_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(prompt.tools.emplace_back(),
                              ToJson(conversation.tools(i), Element("conversation.tools", i)));
  }
  for (int i = 0; i < conversation.documents_json_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(
        prompt.documents.emplace_back(),
        ObjectTextField(conversation.documents_json(i), Element("conversation.documents_json", i)));
  }
  FOREGATE_ASSIGN_OR_RETURN(
      prompt.template_arguments,
      ObjectField(conversation.has_template_arguments() ? &conversation.template_arguments() : nullptr,
                  conversation.has_template_arguments_json() ? &conversation.template_arguments_json() : nullptr,
                  "conversation.template_arguments"));
  prompt.template_name = conversation.template_name();
  prompt.continue_final_message = conversation.continue_final_message();
  prompt.add_generation_prompt =
      conversation.has_add_generation_prompt() ? conversation.add_generation_prompt() : !prompt.continue_final_message;
  return prompt;
}

}  // namespace foregate
