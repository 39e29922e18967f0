// `foregate`: the command line of foregated.
#include <unistd.h>

#include <iostream>
#include <variant>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/offline_program.h"
#include "client/cli/session.h"

int main(int argc, char** argv) {
  const auto parsed = foregate::ParseCommandLine(argc, argv);
  if (const auto* message = std::get_if<foregate::ParseMessage>(&parsed)) {
    (message->exit_code == 0 ? std::cout : std::cerr) << message->text;
    return message->exit_code;
  }
  const auto& line = std::get<foregate::CommandLine>(parsed);
  // Before signals are taken: the other program handles its own.
  if (line.command == foregate::Command::kPack)
    return foregate::BecomeOfflineProgram("pack", line.arguments, std::cerr);
  if (line.command == foregate::Command::kPlan)
    return foregate::BecomeOfflineProgram("plan", line.arguments, std::cerr);
  if (line.command == foregate::Command::kTraceOffline)
    return foregate::BecomeOfflineProgram("trace", line.arguments, std::cerr);
  // Never destroyed: the thread that waits for signals uses it until the process ends.
  auto* interrupt = new foregate::Interrupt;
  interrupt->Watch();
  const foregate::Session session{.line = line,
                                  .in = std::cin,
                                  .out = std::cout,
                                  .err = std::cerr,
                                  .in_is_terminal = isatty(STDIN_FILENO) == 1,
                                  .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                                  .err_is_terminal = isatty(STDERR_FILENO) == 1,
                                  .interrupt = interrupt};
  return foregate::RunCommand(session);
}
