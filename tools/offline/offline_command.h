// One subcommand of foregate-offline. A file per subcommand defines its flags and what it does; main.cc lists them.
#ifndef FOREGATE_TOOLS_OFFLINE_OFFLINE_COMMAND_H_
#define FOREGATE_TOOLS_OFFLINE_OFFLINE_COMMAND_H_

#include <functional>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace foregate {

// Run once when the user chose the subcommand, after its flags were read. Its status becomes the exit code: 0, 2 for
// INVALID_ARGUMENT, else 1 with the message on standard error.
using OfflineCommand = std::function<absl::Status()>;

// Adds a subcommand with its flags to `app` and returns what runs it, which owns the flags' values.
using AddOfflineCommand = OfflineCommand (*)(CLI::App* app);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_OFFLINE_COMMAND_H_
