#include "server/text/chat_prompt.h"

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"
#include "server/text/message_forms.h"
#include "server/text/message_normalizer.h"
#include "server/text/template/py_string.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

// What apply_chat_template takes by name, so that no template ever sees it as a variable of the request.
constexpr std::string_view kReservedNames[] = {
    "messages",
    "tools",
    "documents",
    "add_generation_prompt",
    "continue_final_message",
    "chat_template",
    "conversation",
    "conversations",
    "tokenize",
    "sanitize_control_tokens",
    "padding",
    "truncation",
    "max_length",
    "return_tensors",
    "return_dict",
    "return_assistant_tokens_mask",
    "tokenizer_kwargs",
};

std::string TemplateNames(const TextModel& text) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "\"" : ", \"") + name + "\""; };
  if (text.chat_template != nullptr) add("default");
  for (const auto& [name, chat_template] : text.named_templates) add(name);
  return names.empty() ? "none" : names;
}

const ChatTemplate* FindTemplate(const TextModel& text, const std::string& name) {
  if (name == "default") return text.chat_template.get();
  const auto found = text.named_templates.find(name);
  return found == text.named_templates.end() ? nullptr : found->second.get();
}

absl::StatusOr<const ChatTemplate*> ChooseTemplate(const TextModel& text, const ChatPrompt& prompt) {
  if (text.chat_template == nullptr && text.named_templates.empty()) {
    return absl::FailedPreconditionError("the checkpoint has no chat template");
  }
  std::string name = prompt.template_name;
  if (name.empty())
    name = !prompt.tools.is_null() && text.named_templates.contains("tool_use") ? "tool_use" : "default";
  const ChatTemplate* const found = FindTemplate(text, name);
  if (found != nullptr) return found;
  return absl::NotFoundError("the checkpoint has no chat template \"" + name + "\"; it has " + TemplateNames(text));
}

absl::Status CheckObjects(const Json& array, const std::string& field) {
  if (array.is_null()) return absl::OkStatus();
  if (!array.is_array()) return absl::InvalidArgumentError(field + " must be an array");
  for (size_t i = 0; i < array.size(); ++i) {
    if (!array[i].is_object()) {
      return absl::InvalidArgumentError(field + "[" + std::to_string(i) + "] must be an object");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const Json& arguments) {
  if (arguments.is_null()) return absl::OkStatus();
  if (!arguments.is_object()) return absl::InvalidArgumentError("template_arguments must be an object");
  for (const std::string_view name : kReservedNames) {
    if (!arguments.contains(std::string(name))) continue;
    return absl::InvalidArgumentError("template_arguments." + std::string(name) + " cannot replace this standard name");
  }
  return absl::OkStatus();
}

// Appended as to a list: an ordered object's operator[] searches all of its keys.
void AddSpecialTokens(const TextModel& text, const Json& arguments, Json::object_t& members) {
  const auto add = [&](const std::string& name, const std::string& token) {
    if (arguments.is_null() || !arguments.contains(name)) members.push_back({name, token});
  };
  for (const auto& [name, token] : text.special_tokens) add(name, token);
  if (!text.special_tokens.empty()) return;
  if (!text.bos_token.empty()) add("bos_token", text.bos_token);
  if (!text.eos_token.empty()) add("eos_token", text.eos_token);
  if (!text.pad_token.empty()) add("pad_token", text.pad_token);
  if (!text.unk_token.empty()) add("unk_token", text.unk_token);
}

// The context but for the messages.
absl::StatusOr<Json> Variables(const TextModel& text, const ChatPrompt& prompt) {
  FOREGATE_RETURN_IF_ERROR(CheckObjects(prompt.tools, "tools"));
  FOREGATE_RETURN_IF_ERROR(CheckObjects(prompt.documents, "documents"));
  FOREGATE_RETURN_IF_ERROR(CheckArguments(prompt.template_arguments));
  Json variables = Json::object();
  auto& members = variables.get_ref<Json::object_t&>();
  members.push_back({"tools", prompt.tools});
  members.push_back({"documents", prompt.documents});
  members.push_back({"add_generation_prompt", prompt.add_generation_prompt});
  AddSpecialTokens(text, prompt.template_arguments, members);
  if (prompt.template_arguments.is_null()) return variables;
  for (const auto& member : prompt.template_arguments.get_ref<const Json::object_t&>()) members.push_back(member);
  return variables;
}

// Its space tells whether the template keeps what ends a message.
constexpr std::string_view kContinueTag = "CONTINUE_FINAL_MESSAGE_TAG ";

std::string_view Strip(std::string_view text) { return jinja::StripRight(jinja::StripLeft(text)); }

// memmem is linear where std::string_view::find is the product of both sizes.
bool Contains(std::string_view text, std::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

// The text of the message that the model continues: its content, or the last part of it that has text.
absl::StatusOr<std::string*> FinalText(Json& messages) {
  const std::string field = "messages[" + std::to_string(messages.size() - 1) + "].content";
  const auto content = messages.back().find("content");
  if (content == messages.back().end() || content->is_null()) {
    return absl::InvalidArgumentError(field + " is absent, so continue_final_message has nothing to continue");
  }
  if (content->is_string()) return content->get_ptr<std::string*>();
  for (size_t i = content->is_array() ? content->size() : 0; i > 0; --i) {
    Json& part = (*content)[i - 1];
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) continue;
    return part["text"].get_ptr<std::string*>();
  }
  return absl::InvalidArgumentError(field + " has no text that continue_final_message could continue");
}

absl::StatusOr<std::string> RenderOpenEnded(const ChatTemplate& chat_template, Json context) {
  Json& messages = context["messages"];
  FOREGATE_ASSIGN_OR_RETURN(std::string* const final_text, FinalText(messages));
  if (!Contains(chat_template.source(), "content")) {
    return absl::InvalidArgumentError("continue_final_message: the chat template does not read a message's content");
  }
  const std::string wanted(Strip(*final_text));
  final_text->append(kContinueTag);
  FOREGATE_ASSIGN_OR_RETURN(std::string rendered, chat_template.Render(context));
  const size_t position = rendered.rfind(Strip(kContinueTag));
  if (position == std::string::npos || !Contains(rendered, wanted)) {
    return absl::InvalidArgumentError("messages[" + std::to_string(messages.size() - 1) +
                                      "].content is not in the prompt as it was given (the chat template changes or "
                                      "leaves out a final message), so that continue_final_message cannot work");
  }
  const bool keeps_space = rendered.compare(position, kContinueTag.size(), kContinueTag) == 0;
  rendered.resize(position);
  if (!keeps_space) rendered.resize(jinja::StripRight(rendered).size());
  return rendered;
}

}  // namespace

absl::StatusOr<std::string> RenderChatPrompt(const TextModel& text, const ChatPrompt& prompt) {
  FOREGATE_ASSIGN_OR_RETURN(const ChatTemplate* const chat_template, ChooseTemplate(text, prompt));
  if (prompt.continue_final_message && prompt.add_generation_prompt) {
    return absl::InvalidArgumentError("continue_final_message and add_generation_prompt exclude each other");
  }
  FOREGATE_ASSIGN_OR_RETURN(Json context, Variables(text, prompt));
  MessageForms forms(*chat_template, context);
  FOREGATE_ASSIGN_OR_RETURN(Json messages, NormalizeMessages(prompt.messages, forms));
  context.get_ref<Json::object_t&>().push_back({"messages", std::move(messages)});
  if (prompt.continue_final_message) return RenderOpenEnded(*chat_template, std::move(context));
  return chat_template->Render(context);
}

}  // namespace foregate
