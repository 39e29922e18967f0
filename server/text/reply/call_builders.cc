#include "server/text/reply/call_builders.h"

#include <utility>

#include "server/text/reply/json_scanner.h"
#include "server/text/reply/python_calls.h"

namespace foregate {
namespace {

// A wrapper around a wrapper is nothing that a family writes.
constexpr int kMaxWrappers = 1;

std::optional<std::string> ArgumentsText(std::string_view value) {
  const std::optional<JsonKind> kind = KindOfJson(value);
  if (kind == JsonKind::kObject) return std::string(value);
  if (kind != JsonKind::kString) return std::nullopt;
  std::optional<std::string> decoded = DecodeJsonString(value);
  if (!decoded.has_value() || KindOfJson(*decoded) != JsonKind::kObject) return std::nullopt;
  return decoded;
}

std::optional<ReplyToolCall> CallOfObject(std::string_view object, int num_wrappers) {
  const std::optional<std::vector<JsonMember>> members = JsonMembers(object);
  if (!members.has_value()) return std::nullopt;
  ReplyToolCall call;
  std::optional<std::string> arguments;
  std::optional<ReplyToolCall> wrapped;
  for (const auto& [key, value] : *members) {
    if (key == "name" || key == "tool_name") {
      call.name = DecodeJsonString(value).value_or("");
    } else if (key == "arguments" || key == "parameters") {
      arguments = ArgumentsText(value);
    } else if (key == "id" || key == "tool_call_id") {
      call.id = DecodeJsonString(value).value_or("");
    } else if (key == "function" && num_wrappers < kMaxWrappers) {
      wrapped = CallOfObject(value, num_wrappers + 1);
    }
  }
  if (wrapped.has_value() && call.name.empty()) {
    wrapped->id = call.id;
    return wrapped;
  }
  if (call.name.empty() || !arguments.has_value()) return std::nullopt;
  call.arguments = *std::move(arguments);
  return call;
}

// Templates write a value on lines of its own: `<parameter=x>\nVALUE\n</parameter>`.
std::string_view WithoutOuterBreaks(std::string_view value) {
  if (value.starts_with('\n')) value.remove_prefix(1);
  if (value.ends_with('\n')) value.remove_suffix(1);
  return value;
}

}  // namespace

std::string_view CapturedIn(ReplySlot slot, const std::vector<ReplyCapture>& captures) {
  std::string_view text;
  for (const ReplyCapture& capture : captures) {
    if (capture.slot == slot) text = TrimAsciiSpace(capture.text);
  }
  return text;
}

ReplyToolCalls OneCall(std::string_view id, std::string_view name, std::string_view arguments) {
  if (name.empty() || KindOfJson(arguments) != JsonKind::kObject) return std::nullopt;
  return std::vector<ReplyToolCall>{{std::string(id), std::string(name), std::string(arguments)}};
}

ReplyToolCalls BuildJsonCalls(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  (void)schema;
  const std::string_view body = CapturedIn(ReplySlot::kBody, captures);
  std::vector<ReplyToolCall> calls;
  const std::vector<std::string_view> objects = JsonElements(body).value_or(std::vector<std::string_view>{body});
  for (const std::string_view object : objects) {
    std::optional<ReplyToolCall> call = CallOfObject(object, 0);
    if (!call.has_value()) return std::nullopt;
    calls.push_back(*std::move(call));
  }
  return calls;
}

ReplyToolCalls BuildNamedCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  (void)schema;
  return OneCall(CapturedIn(ReplySlot::kId, captures), CapturedIn(ReplySlot::kName, captures),
                 CapturedIn(ReplySlot::kBody, captures));
}

ReplyToolCalls BuildKeyedCall(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  const std::string_view name = CapturedIn(ReplySlot::kName, captures);
  std::string arguments = "{";
  std::string_view key;
  for (const ReplyCapture& capture : captures) {
    if (capture.slot == ReplySlot::kName) continue;
    if (capture.slot == ReplySlot::kKey) {
      key = TrimAsciiSpace(capture.text);
      if (key.empty()) return std::nullopt;
      if (arguments.size() > 1) arguments += ", ";
      AppendJsonString(key, &arguments);
      arguments += ": ";
    } else if (capture.slot == ReplySlot::kStringValue) {
      AppendJsonString(capture.text, &arguments);
    } else if (capture.slot == ReplySlot::kJsonValue && KindOfJson(capture.text).has_value()) {
      arguments += TrimAsciiSpace(capture.text);
    } else if (capture.slot == ReplySlot::kTypedLines) {
      schema.AppendValue(name, key, WithoutOuterBreaks(capture.text), &arguments);
    } else if (capture.slot != ReplySlot::kIgnored) {
      schema.AppendValue(name, key, capture.text, &arguments);
    }
  }
  arguments += '}';
  return OneCall("", name, arguments);
}

ReplyToolCalls BuildPythonCalls(const std::vector<ReplyCapture>& captures, const ToolSchema& schema) {
  (void)schema;
  return ParsePythonCalls(CapturedIn(ReplySlot::kBody, captures));
}

}  // namespace foregate
