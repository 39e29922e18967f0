// Conversations in files: the JSON that clients of OpenAI's chat API send, as a Conversation of the wire.
#ifndef FOREGATE_CLIENT_CONVERSATION_FILE_H_
#define FOREGATE_CLIENT_CONVERSATION_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

// {"messages": [...], "tools": [...], "documents": [...]}, or the array of messages alone. Appends to `conversation`.
// Order of keys and numbers are kept. INVALID_ARGUMENT "NAME: messages[2].role ..." for what a Conversation cannot say.
absl::Status AddConversation(std::string_view json, const std::string& name_for_errors,
                             inference::v1::Conversation* conversation);

// "KEY=VALUE" into the object of template_arguments_json; a VALUE that is not JSON is a string. INVALID_ARGUMENT
// without a key.
absl::Status AddTemplateArgument(const std::string& text, inference::v1::Conversation* conversation);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CONVERSATION_FILE_H_
