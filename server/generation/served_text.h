// What the served checkpoint can do with text: refusals when it has no tokenizer or template, and the prompt of a
// conversation.
#ifndef FOREGATE_SERVER_GENERATION_SERVED_TEXT_H_
#define FOREGATE_SERVER_GENERATION_SERVED_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/chat_prompt.h"
#include "server/text/text_model.h"

namespace foregate {

struct RenderedPrompt {
  std::string text;
  std::vector<int32_t> token_ids;
};

// NOT_FOUND naming the served model unless `name` is empty or equal to it.
absl::Status CheckModelName(const std::string& served, const std::string& name);

// FAILED_PRECONDITION when the checkpoint has no tokenizer; `what` is the wish that needs one.
absl::Status RequireTokenizer(const TextModel& text, const std::string& what);

// The tokenizer's own, with the refusals of its INVALID_ARGUMENT pinned to `field`. A tokenizer is present.
absl::StatusOr<std::vector<int32_t>> EncodeField(const TextModel& text, const std::string& input,
                                                 bool add_special_tokens, const std::string& field);
absl::StatusOr<std::string> DecodeField(const TextModel& text, const std::vector<int32_t>& ids,
                                        bool skip_special_tokens, const std::string& field);

// The prompt of a conversation as text and as ids. FAILED_PRECONDITION without tokenizer or template, and the refusals
// of RenderChatPrompt pinned to the field that they name.
absl::StatusOr<RenderedPrompt> RenderConversation(const TextModel& text, const ChatPrompt& conversation);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_SERVED_TEXT_H_
