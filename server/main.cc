// foregated: reads the settings, then runs the daemon between the signals that end it.
#include <cstdio>
#include <string>
#include <vector>

#include "server/config/command_line.h"
#include "server/config/version.h"
#include "server/daemon.h"
#include "server/lifecycle/shutdown_signals.h"
#include "server/telemetry/logging.h"

int main(int argc, char** argv) {
  using foregate::CommandLineAction;
  const absl::StatusOr<foregate::CommandLine> parsed =
      foregate::ParseCommandLine(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (!parsed.ok()) {
    std::fprintf(stderr, "%s\n", std::string(parsed.status().message()).c_str());
    return 2;
  }
  switch (parsed->action) {
    case CommandLineAction::kHelp:
      std::fputs(foregate::HelpText().c_str(), stdout);
      return 0;
    case CommandLineAction::kVersion:
      std::printf("foregated %s\n", foregate::kVersion);
      return 0;
    case CommandLineAction::kPrintConfig:
      std::fputs(foregate::PrintServerConfig(parsed->config).c_str(), stdout);
      return 0;
    case CommandLineAction::kServe:
      break;
  }
  foregate::EndRequest end(0);
  const foregate::ShutdownSignals signals([&end](int) { end.release(); });  // before any other thread
  foregate::StartLogging(parsed->config.telemetry().log_level(), parsed->config.telemetry().log_format());
  const int exit_code = foregate::RunDaemon(parsed->config, &end);
  foregate::StopLogging();
  return exit_code;
}
