// A conversation of the wire as the JSON that chat templates take.
#ifndef FOREGATE_SERVER_RPC_CONVERSATION_PARSER_H_
#define FOREGATE_SERVER_RPC_CONVERSATION_PARSER_H_

#include "absl/status/statusor.h"
#include "server/text/chat_prompt.h"

namespace foregate {

namespace inference::v1 {
class Conversation;
}  // namespace inference::v1

// What the message's form alone can say; the template judges the rest. INVALID_ARGUMENT with the path of the field.
absl::StatusOr<ChatPrompt> ParseConversation(const inference::v1::Conversation& wire);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_CONVERSATION_PARSER_H_
