#include "server/text/message_forms.h"

#include <algorithm>
#include <utility>

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant", "tool"};

// Words that no template has.
constexpr char kText[] = "zqx-probe-text";
constexpr char kFirstPart[] = "zqx-probe-part-one";
constexpr char kSecondPart[] = "zqx-probe-part-two";
constexpr char kArgument[] = "zqx_probe_key";
constexpr char kArgumentValue[] = "zqx-probe-value";
constexpr char kFunction[] = "zqx_probe_function";
constexpr char kCallId[] = "zqxprobe1";  // nine letters and digits, which Mistral's templates insist on

Json Message(std::string_view role, Json content) {
  return {{"role", std::string(role)}, {"content", std::move(content)}};
}

Json TextPart(const char* text) { return {{"type", "text"}, {"text", text}}; }

Json CallMessage(CallForm form) {
  Json message = {{"role", "assistant"}};
  if (form.content == CallContent::kNull) message["content"] = nullptr;
  if (form.content == CallContent::kEmpty) message["content"] = "";
  if (form.content == CallContent::kText) message["content"] = kText;
  Json arguments = {{kArgument, kArgumentValue}};
  if (form.arguments_as_text) arguments = arguments.dump();
  Json function = {{"name", kFunction}, {"arguments", std::move(arguments)}};
  message["tool_calls"] = Json::array({{{"id", kCallId}, {"type", "function"}, {"function", std::move(function)}}});
  return message;
}

Json ToolMessage(Json content) {
  Json message = Message("tool", std::move(content));
  message["tool_call_id"] = kCallId;
  message["name"] = kFunction;
  return message;
}

Json ProbeTool() {
  Json parameters = {{"type", "object"}, {"properties", Json::object()}};
  Json function = {{"name", kFunction}, {"description", "A function."}, {"parameters", std::move(parameters)}};
  return {{"type", "function"}, {"function", std::move(function)}};
}

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// As text, not inside of the spelling of a list.
bool ShowsUnquoted(std::string_view text, std::string_view part) {
  const size_t position = text.find(part);
  if (position == std::string_view::npos) return false;
  return position == 0 || (text[position - 1] != '\'' && text[position - 1] != '"');
}

}  // namespace

MessageForms::RoleForm* MessageForms::FindRole(std::string_view role) {
  static_assert(kRoles.size() == kNumRoles);
  const auto found = std::find(kRoles.begin(), kRoles.end(), role);
  return found == kRoles.end() ? nullptr : &roles_[static_cast<size_t>(found - kRoles.begin())];
}

bool MessageForms::TakesText(std::string_view role) {
  // Most templates never look into a part; they need no rendering.
  if (!Mentions("'text'") && !Mentions("\"text\"") && !Mentions(".text")) return true;
  RoleForm* form = FindRole(role);
  if (form == nullptr) return true;
  if (!form->takes_text) form->takes_text = Contains(Render(Conversation(role, kText)), kText);
  return *form->takes_text;
}

bool MessageForms::TakesParts(std::string_view role) {
  RoleForm* form = FindRole(role);
  if (form == nullptr) return true;
  if (!form->takes_parts) {
    const std::string text = Render(Conversation(role, Json::array({TextPart(kFirstPart), TextPart(kSecondPart)})));
    form->takes_parts = ShowsUnquoted(text, kFirstPart);
  }
  return *form->takes_parts;
}

CallForm MessageForms::ForCalls(CallContent given) {
  std::optional<CallForm>& form = calls_[static_cast<size_t>(given)];
  if (!form) form = Mentions("tool_calls") ? FindCallForm(given) : CallForm{.content = given};
  return *form;
}

bool MessageForms::Mentions(std::string_view word) const { return Contains(template_.source(), word); }

CallForm MessageForms::FindCallForm(CallContent given) const {
  // The one that is given comes first and is tried again in its own place, which changes nothing.
  for (const CallContent content : {given, CallContent::kAbsent, CallContent::kNull, CallContent::kEmpty}) {
    if (given == CallContent::kText && content != given) break;
    for (const bool as_text : {false, true}) {
      const CallForm form = {.content = content, .arguments_as_text = as_text};
      if (ShowsCalls(form)) return form;
    }
  }
  return {.content = given};
}

bool MessageForms::ShowsCalls(CallForm form) const {
  const std::string text = Render(Json::array({Message("user", kText), CallMessage(form), ToolMessage(kText)}));
  // Neither Python's spelling of an object, nor JSON of a text of JSON.
  return Contains(text, kArgumentValue) && !Contains(text, std::string("'") + kArgument + "'") &&
         !Contains(text, std::string("\\\"") + kArgument);
}

Json MessageForms::Conversation(std::string_view role, Json content) {
  Json messages = Json::array();
  if (role == "system" || role == "developer") {
    messages.push_back(Message(role, std::move(content)));
    messages.push_back(Message("user", "Hello"));
  } else if (role == "assistant") {
    messages.push_back(Message("user", "Hello"));
    messages.push_back(Message(role, std::move(content)));
    messages.push_back(Message("user", "Hello"));
  } else if (role == "tool") {
    messages.push_back(Message("user", "Hello"));
    messages.push_back(CallMessage(ForCalls(CallContent::kAbsent)));
    messages.push_back(ToolMessage(std::move(content)));
  } else {
    messages.push_back(Message(role, std::move(content)));
  }
  return messages;
}

std::string MessageForms::Render(Json messages) const {
  Json context = Json::object();
  auto& members = context.get_ref<Json::object_t&>();
  for (const auto& [key, value] : variables_.get_ref<const Json::object_t&>()) {
    // The request's own may be long.
    const bool is_replaced = (key == "tools" || key == "documents") && !value.is_null();
    members.push_back({key, !is_replaced ? value : key == "tools" ? Json::array({ProbeTool()}) : Json()});
  }
  members.push_back({"messages", std::move(messages)});
  return template_.Render(context).value_or("");
}

}  // namespace foregate
