#include "client/cli/conversation_input.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "client/conversation_file.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

absl::Status ReadFile(const Session& session, const std::string& path, std::string* content) {
  std::ostringstream text;
  if (path == "-") {
    text << session.in.rdbuf();
  } else {
    const std::ifstream file(path);
    if (!file.good()) return absl::NotFoundError(path + ": " + std::strerror(errno));
    text << file.rdbuf();
  }
  *content = text.str();
  return absl::OkStatus();
}

}  // namespace

void AddTextMessage(pb::Role role, std::string content, pb::Conversation* conversation) {
  auto* message = conversation->add_messages();
  message->set_role(role);
  message->set_content(std::move(content));
}

absl::Status StartConversation(const Session& session, pb::Conversation* conversation) {
  const CommandLine& line = session.line;
  if (line.system) AddTextMessage(pb::ROLE_SYSTEM, *line.system, conversation);
  if (line.template_name) conversation->set_template_name(*line.template_name);
  if (line.continue_final_message) conversation->set_continue_final_message(true);
  for (const std::string& argument : line.template_arguments) {
    if (absl::Status status = AddTemplateArgument(argument, conversation); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadConversation(const Session& session, pb::Conversation* conversation) {
  if (absl::Status status = StartConversation(session, conversation); !status.ok()) return status;
  const std::string& path = session.line.conversation_file;
  if (path.empty()) {
    AddTextMessage(pb::ROLE_USER, session.TextOrInput(), conversation);
    return absl::OkStatus();
  }
  std::string content;
  if (absl::Status status = ReadFile(session, path, &content); !status.ok()) return status;
  return AddConversation(content, path == "-" ? "standard input" : path, conversation);
}

}  // namespace foregate
