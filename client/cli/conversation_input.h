// The conversation that a command line describes: flags, a file, or standard input.
#ifndef FOREGATE_CLIENT_CLI_CONVERSATION_INPUT_H_
#define FOREGATE_CLIENT_CLI_CONVERSATION_INPUT_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/session.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

void AddTextMessage(inference::v1::Role role, std::string content, inference::v1::Conversation* conversation);

// What stands before the first turn: the system message and the template's settings. INVALID_ARGUMENT naming the flag.
absl::Status StartConversation(const Session& session, inference::v1::Conversation* conversation);

// All of it: of --conversation, else the one message of the command line or of standard input. NOT_FOUND or
// INVALID_ARGUMENT naming the file.
absl::Status ReadConversation(const Session& session, inference::v1::Conversation* conversation);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_CONVERSATION_INPUT_H_
