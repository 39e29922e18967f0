// The command line of foregated: flags over the file of --config over the defaults, validated as a whole.
#ifndef FOREGATE_SERVER_CONFIG_COMMAND_LINE_H_
#define FOREGATE_SERVER_CONFIG_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/server_config.h"

namespace foregate {

enum class CommandLineAction { kServe, kPrintConfig, kHelp, kVersion };

struct CommandLine {
  CommandLineAction action = CommandLineAction::kServe;
  ServerConfig config;  // with defaults and model.name filled in; meaningful for kServe and kPrintConfig
};

// `arguments` without the program's name. INVALID_ARGUMENT with every problem, one a line, each naming the flag or
// file:line:column and the key.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// What --help prints: every flag with its meaning and its default.
std::string HelpText();

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_COMMAND_LINE_H_
