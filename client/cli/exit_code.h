// Exit codes of `foregate`, which scripts may rely on. `foregate --help` prints this table.
#ifndef FOREGATE_CLIENT_CLI_EXIT_CODE_H_
#define FOREGATE_CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace foregate {

enum ExitCode : int {
  kExitOk = 0,
  kExitOther = 1,
  kExitUsage = 2,
  kExitRefusedInput = 3,
  kExitUnavailable = 4,
  kExitDeadline = 5,
  kExitOverloaded = 6,
  kExitUnauthenticated = 7,
  kExitInterrupted = 130,
};

inline constexpr char kExitCodeTable[] =
    "Exit codes:\n"
    "    0  done\n"
    "    1  any other failure\n"
    "    2  wrong usage: unknown flag, bad value, unreadable file\n"
    "    3  the server refused the input (INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ALREADY_EXISTS, "
    "OUT_OF_RANGE)\n"
    "    4  the server cannot be reached, is loading, or is draining (UNAVAILABLE)\n"
    "    5  the time given by --timeout was up (DEADLINE_EXCEEDED)\n"
    "    6  the server is overloaded (RESOURCE_EXHAUSTED)\n"
    "    7  the token or certificate was not accepted (UNAUTHENTICATED, PERMISSION_DENIED)\n"
    "  130  interrupted by Ctrl-C; the request was cancelled on the server";

// Of a finished call. CANCELLED is kExitOther: that this process was interrupted, only the caller knows.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_EXIT_CODE_H_
