#include "server/text/message_normalizer.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"
#include "server/text/ordered_json.h"
#include "server/text/template/print.h"
#include "server/text/template/value.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

absl::Status FieldError(const std::string& field, std::string_view what) {
  return absl::InvalidArgumentError(field + " " + std::string(what));
}

std::string At(const std::string& field, size_t index) { return field + "[" + std::to_string(index) + "]"; }

// A new object is made, because erasing from an ordered one moves all that follows.
Json WithoutNulls(const Json& message) {
  Json kept = Json::object();
  auto& members = kept.get_ref<Json::object_t&>();
  for (const auto& [key, value] : message.get_ref<const Json::object_t&>()) {
    if (!value.is_null()) members.push_back({key, value});
  }
  return kept;
}

// transformers' names for it, the one that most templates read first.
constexpr const char* kReasoningNames[] = {"reasoning_content", "thinking", "reasoning"};

// `thinking`, which gpt-oss's templates read, comes first in the message as transformers puts it there.
Json WithReasoningNames(Json message) {
  for (const char* name : kReasoningNames) {
    const auto found = message.find(name);
    if (found == message.end()) continue;
    Json named = {{"thinking", message.value("thinking", *found)}};
    auto& members = named.get_ref<Json::object_t&>();
    for (const auto& member : message.get_ref<const Json::object_t&>()) {
      if (member.first != "thinking" && member.first != "reasoning_content") members.push_back(member);
      if (member.first == "reasoning_content") members.push_back({member.first, *found});
    }
    if (!message.contains("reasoning_content")) members.push_back({"reasoning_content", *found});
    return named;
  }
  return message;
}

bool IsTextPart(const Json& part) {
  const auto type = part.find("type");
  return part.contains("text") && (type == part.end() || *type == "text");
}

absl::Status CheckParts(const Json& parts, const std::string& field) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Json& part = parts[i];
    if (!part.is_object()) return FieldError(At(field, i), "must be an object");
    const auto type = part.find("type");
    if (type != part.end() && !type->is_string()) return FieldError(At(field, i) + ".type", "must be a string");
    const auto text = part.find("text");
    const bool is_text = text != part.end() || (type != part.end() && *type == "text");
    if (is_text && (text == part.end() || !text->is_string())) {
      return FieldError(At(field, i) + ".text", "must be a string");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> JoinParts(const Json& parts, const std::string& field) {
  std::string joined;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!IsTextPart(parts[i])) {
      const std::string type = parts[i].value("type", "");
      return FieldError(At(field, i), "has the type \"" + type + "\", but the model's chat template takes only text");
    }
    if (i > 0) joined += '\n';
    joined += parts[i]["text"].get_ref<const std::string&>();
  }
  return joined;
}

absl::Status NormalizeContent(const std::string& field, Json& message, MessageForms& forms) {
  const auto content = message.find("content");
  if (content == message.end()) return absl::OkStatus();
  const std::string& role = message["role"].get_ref<const std::string&>();
  if (content->is_string()) {
    if (forms.TakesText(role) || !forms.TakesParts(role)) return absl::OkStatus();
    const Json part = {{"type", "text"}, {"text", *content}};
    *content = Json::array({part});
    return absl::OkStatus();
  }
  // The result of a tool may be any JSON, which some templates print.
  if (!content->is_array()) {
    return role == "tool" ? absl::OkStatus() : FieldError(field, "must be a string, an array of parts or null");
  }
  if (absl::Status checked = CheckParts(*content, field); !checked.ok()) {
    return role == "tool" ? absl::OkStatus() : checked;
  }
  if (forms.TakesParts(role)) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(*content, JoinParts(*content, field));
  return absl::OkStatus();
}

// Both directions keep the order of keys and the spelling of numbers.
absl::Status NormalizeArguments(const std::string& field, bool as_text, Json& function) {
  const auto found = function.find("arguments");
  Json arguments = found == function.end() ? Json() : *found;
  if (arguments.is_null() || arguments == "") arguments = Json::object();
  if (as_text && arguments.is_object()) {
    FOREGATE_ASSIGN_OR_RETURN(const jinja::Value value, jinja::FromJson(arguments));
    FOREGATE_ASSIGN_OR_RETURN(arguments, jinja::ToJson(value, {}));
  } else if (!as_text && arguments.is_string()) {
    absl::StatusOr<Json> parsed = ParseOrderedJson(arguments.get_ref<const std::string&>());
    if (!parsed.ok()) return FieldError(field, "is " + std::string(parsed.status().message()));
    arguments = *std::move(parsed);
  }
  if (!arguments.is_object() && !arguments.is_string()) return FieldError(field, "must be an object, or its text");
  function["arguments"] = std::move(arguments);
  return absl::OkStatus();
}

// {"type": "function", "function": {"name": ..., "arguments": ...}}, or the function alone.
absl::Status NormalizeCall(const std::string& field, bool arguments_as_text, Json& call) {
  if (!call.is_object()) return FieldError(field, "must be an object");
  const auto wrapped = call.find("function");
  const std::string function_field = wrapped == call.end() ? field : field + ".function";
  Json& function = wrapped == call.end() ? call : *wrapped;
  if (!function.is_object()) return FieldError(function_field, "must be an object");
  const auto name = function.find("name");
  if (name == function.end() || !name->is_string()) return FieldError(function_field + ".name", "must be a string");
  return NormalizeArguments(function_field + ".arguments", arguments_as_text, function);
}

CallContent ContentOf(const Json& message) {
  const auto content = message.find("content");
  if (content == message.end()) return CallContent::kAbsent;
  return *content == "" ? CallContent::kEmpty : CallContent::kText;
}

void SetContent(CallContent content, Json& message) {
  if (content == ContentOf(message)) return;
  if (content == CallContent::kAbsent) message.erase("content");
  if (content == CallContent::kNull) message["content"] = nullptr;
  if (content == CallContent::kEmpty) message["content"] = "";
}

absl::Status NormalizeCalls(const std::string& field, Json& message, MessageForms& forms) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end()) return absl::OkStatus();
  if (!calls->is_array()) return FieldError(field, "must be an array");
  if (calls->empty()) {
    message.erase("tool_calls");
    return absl::OkStatus();
  }
  const CallForm form = forms.ForCalls(ContentOf(message));
  for (size_t i = 0; i < calls->size(); ++i) {
    FOREGATE_RETURN_IF_ERROR(NormalizeCall(At(field, i), form.arguments_as_text, (*calls)[i]));
  }
  SetContent(form.content, message);
  return absl::OkStatus();
}

absl::StatusOr<Json> NormalizeMessage(const std::string& field, const Json& given, MessageForms& forms) {
  if (!given.is_object()) return FieldError(field, "must be an object");
  Json message = WithoutNulls(given);
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string()) return FieldError(field + ".role", "must be a string");
  if (*role == "developer" && !forms.Mentions("developer")) *role = "system";
  FOREGATE_RETURN_IF_ERROR(NormalizeContent(field + ".content", message, forms));
  FOREGATE_RETURN_IF_ERROR(NormalizeCalls(field + ".tool_calls", message, forms));
  return WithReasoningNames(std::move(message));
}

}  // namespace

absl::StatusOr<Json> NormalizeMessages(const Json& messages, MessageForms& forms) {
  if (!messages.is_array()) return FieldError("messages", "must be an array");
  if (messages.empty()) return FieldError("messages", "must not be empty");
  Json normalized = Json::array();
  for (size_t i = 0; i < messages.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(Json message, NormalizeMessage(At("messages", i), messages[i], forms));
    normalized.push_back(std::move(message));
  }
  return normalized;
}

}  // namespace foregate
