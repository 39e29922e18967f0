#include "client/conversation_file.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;
using Json = nlohmann::ordered_json;

// As the server reads it: invalid UTF-8 cannot be in a value that was parsed.
std::string TextOf(const Json& json) { return json.dump(); }

absl::Status Fault(const std::string& place, const std::string& what) {
  return absl::InvalidArgumentError(place + " " + what);
}

absl::Status ReadString(const Json& json, const std::string& place, std::string* out) {
  if (!json.is_string()) return Fault(place, std::string("must be a string, is ") + json.type_name());
  *out = json.get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadRole(const Json& json, const std::string& place, pb::ChatMessage* message) {
  static const std::map<std::string, pb::Role> kRoles = {{"system", pb::ROLE_SYSTEM},
                                                         {"user", pb::ROLE_USER},
                                                         {"assistant", pb::ROLE_ASSISTANT},
                                                         {"tool", pb::ROLE_TOOL},
                                                         {"developer", pb::ROLE_DEVELOPER}};
  std::string role;
  if (absl::Status status = ReadString(json, place, &role); !status.ok()) return status;
  const auto known = kRoles.find(role);
  if (known == kRoles.end()) {
    message->set_other_role(role);
  } else {
    message->set_role(known->second);
  }
  return absl::OkStatus();
}

absl::Status ReadContent(const Json& json, const std::string& place, pb::ChatMessage* message) {
  if (json.is_null()) return absl::OkStatus();
  if (!json.is_array()) return ReadString(json, place, message->mutable_content());
  for (const Json& part : json) {
    if (part.is_object() && part.size() == 2 && part.value("type", Json()) == "text" && part.contains("text") &&
        part["text"].is_string()) {
      message->add_parts()->set_text(part["text"].get<std::string>());
    } else {
      message->add_parts()->set_json(TextOf(part));
    }
  }
  return absl::OkStatus();
}

// {"id": ..., "function": {"name": ..., "arguments": {...} or its text}}, or the inner object alone.
absl::Status ReadToolCall(const Json& json, const std::string& place, pb::ToolCall* call) {
  if (!json.is_object()) return Fault(place, "must be an object");
  if (json.contains("id") && !json["id"].is_null()) {
    if (absl::Status status = ReadString(json["id"], place + ".id", call->mutable_id()); !status.ok()) return status;
  }
  const Json& function = json.contains("function") ? json["function"] : json;
  if (!function.is_object() || !function.contains("name")) return Fault(place, "has no function.name");
  if (absl::Status status = ReadString(function["name"], place + ".name", call->mutable_name()); !status.ok()) {
    return status;
  }
  if (!function.contains("arguments")) return absl::OkStatus();
  const Json& arguments = function["arguments"];
  call->set_arguments_json(arguments.is_string() ? arguments.get<std::string>() : TextOf(arguments));
  return absl::OkStatus();
}

absl::Status ReadMember(const std::string& key, const Json& value, const std::string& place, pb::ChatMessage* message,
                        Json* extra) {
  if (key == "role") return ReadRole(value, place, message);
  if (key == "content") return ReadContent(value, place, message);
  if (value.is_null()) return absl::OkStatus();
  if (key == "name") return ReadString(value, place, message->mutable_name());
  if (key == "tool_call_id") return ReadString(value, place, message->mutable_tool_call_id());
  if (key == "reasoning_content") return ReadString(value, place, message->mutable_reasoning_content());
  if (key != "tool_calls") {
    (*extra)[key] = value;
    return absl::OkStatus();
  }
  if (!value.is_array()) return Fault(place, "must be an array");
  for (size_t i = 0; i < value.size(); ++i) {
    absl::Status status = ReadToolCall(value[i], place + "[" + std::to_string(i) + "]", message->add_tool_calls());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadMessage(const Json& json, const std::string& place, pb::ChatMessage* message) {
  if (!json.is_object()) return Fault(place, "must be an object");
  Json extra = Json::object();
  for (const auto& [key, value] : json.items()) {
    if (absl::Status status = ReadMember(key, value, place + "." + key, message, &extra); !status.ok()) return status;
  }
  if (!extra.empty()) message->set_extra_json(TextOf(extra));
  return absl::OkStatus();
}

// {"type": "function", "function": {...}}, or the inner object alone.
absl::Status ReadTool(const Json& json, const std::string& place, pb::ToolDefinition* tool) {
  const Json& function = json.is_object() && json.contains("function") ? json["function"] : json;
  if (!function.is_object() || !function.contains("name")) return Fault(place, "has no function.name");
  if (absl::Status status = ReadString(function["name"], place + ".name", tool->mutable_name()); !status.ok()) {
    return status;
  }
  if (function.contains("description")) {
    absl::Status status = ReadString(function["description"], place + ".description", tool->mutable_description());
    if (!status.ok()) return status;
  }
  if (function.contains("parameters")) tool->set_parameters_json(TextOf(function["parameters"]));
  return absl::OkStatus();
}

// Applies `read(element, place)` to the elements of the array `json`.
template <typename Read>
absl::Status ForEach(const Json& json, const std::string& place, const Read& read) {
  if (!json.is_array()) return Fault(place, "must be an array");
  for (size_t i = 0; i < json.size(); ++i) {
    if (absl::Status status = read(json[i], place + "[" + std::to_string(i) + "]"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddConversation(std::string_view text, const std::string& name, pb::Conversation* conversation) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Fault(name + ":", "not JSON");
  const auto read_message = [&](const Json& element, const std::string& place) {
    return ReadMessage(element, place, conversation->add_messages());
  };
  if (json.is_array()) return ForEach(json, name + ": messages", read_message);
  if (!json.is_object() || !json.contains("messages")) return Fault(name + ":", "has no messages");
  absl::Status status = ForEach(json["messages"], name + ": messages", read_message);
  if (status.ok() && json.contains("tools") && !json["tools"].is_null()) {
    status = ForEach(json["tools"], name + ": tools", [&](const Json& element, const std::string& place) {
      return ReadTool(element, place, conversation->add_tools());
    });
  }
  if (status.ok() && json.contains("documents") && !json["documents"].is_null()) {
    status = ForEach(json["documents"], name + ": documents", [&](const Json& element, const std::string&) {
      conversation->add_documents_json(TextOf(element));
      return absl::OkStatus();
    });
  }
  return status;
}

absl::Status AddTemplateArgument(const std::string& text, pb::Conversation* conversation) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return Fault("--template-arg", "wants KEY=VALUE, got \"" + text + "\"");
  Json arguments = Json::object();
  if (conversation->has_template_arguments_json()) arguments = Json::parse(conversation->template_arguments_json());
  const std::string value = text.substr(equals + 1);
  const Json parsed = Json::parse(value, nullptr, /*allow_exceptions=*/false);
  arguments[text.substr(0, equals)] = parsed.is_discarded() ? Json(value) : parsed;
  conversation->set_template_arguments_json(
      arguments.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace));
  return absl::OkStatus();
}

}  // namespace foregate
