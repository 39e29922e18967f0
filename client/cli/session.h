// Session: what every command of the CLI runs with: the command line, the streams, and how to reach the server.
#ifndef FOREGATE_CLIENT_CLI_SESSION_H_
#define FOREGATE_CLIENT_CLI_SESSION_H_

#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/admin_client.h"
#include "client/cli/command_line.h"
#include "client/cli/interrupt.h"
#include "client/client.h"

namespace foregate {

// Everything outlives the session. Used from one thread.
struct Session {
  const CommandLine& line;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  Interrupt* interrupt;

  absl::StatusOr<std::unique_ptr<Client>> Connect() const;
  absl::StatusOr<std::unique_ptr<AdminClient>> ConnectAdmin() const;
  // Of the listener that the command talks to.
  const std::string& address() const;
  CallOptions call_options() const { return {line.request_id, interrupt->cancellation(), /*retry=*/true}; }

  // The positional argument, or all of standard input without its last newline.
  std::string TextOrInput() const;

  // Reports a failed call on `err` in one line and gives its exit code; kExitOk and silence for OK.
  int Report(const absl::Status& status) const;
  // The same for what the user got wrong before any call.
  int ReportUsage(const absl::Status& status) const;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_SESSION_H_
