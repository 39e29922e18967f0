#include "server/generation/served_text.h"

#include <string_view>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

// RenderChatPrompt's complaints about the conversation itself begin with a path inside it; all others are the
// template's.
std::string FieldAtFault(const std::string& message) {
  for (const std::string_view root : {"messages", "tools", "documents", "template_arguments"}) {
    if (!message.starts_with(root)) continue;
    const std::string_view rest = std::string_view(message).substr(root.size());
    if (!rest.starts_with('[') && !rest.starts_with('.') && !rest.starts_with(' ')) continue;
    return "conversation." + message.substr(0, message.find(' '));
  }
  return "conversation";
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

absl::StatusOr<RenderedPrompt> RenderConversation(const TextModel& text, const ChatPrompt& conversation) {
  FOREGATE_RETURN_IF_ERROR(RequireTokenizer(text, "a conversation"));
  if (text.chat_template == nullptr && text.named_templates.empty()) {
    return WithReason(absl::FailedPreconditionError("the served checkpoint has no chat template; send a text prompt"),
                      reason::kNoChatTemplate);
  }
  RenderedPrompt rendered;
  absl::StatusOr<std::string> prompt = RenderChatPrompt(text, conversation);
  if (absl::IsNotFound(prompt.status())) {
    return WithField(WithReason(std::move(prompt).status(), reason::kTemplateNotFound), "conversation.template_name");
  }
  if (!prompt.ok()) return WithField(prompt.status(), FieldAtFault(std::string(prompt.status().message())));
  rendered.text = *std::move(prompt);
  // The template has written the special tokens itself.
  FOREGATE_ASSIGN_OR_RETURN(rendered.token_ids, text.tokenizer->Encode(rendered.text, {.add_special_tokens = false}));
  return rendered;
}

}  // namespace foregate
