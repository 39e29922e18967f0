// The messages of a request as a given template reads them. The rules stand in chat_prompt.h.
#ifndef FOREGATE_SERVER_TEXT_MESSAGE_NORMALIZER_H_
#define FOREGATE_SERVER_TEXT_MESSAGE_NORMALIZER_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "server/text/message_forms.h"

namespace foregate {

// INVALID_ARGUMENT naming message and field, "messages[2].content[0].text must be a string".
absl::StatusOr<nlohmann::ordered_json> NormalizeMessages(const nlohmann::ordered_json& messages, MessageForms& forms);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_MESSAGE_NORMALIZER_H_
