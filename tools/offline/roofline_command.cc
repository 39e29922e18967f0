#include "tools/offline/roofline_command.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/probe/machine_probe.h"
#include "kernels/cpu/probe/threads_together.h"
#include "tools/offline/roofline_report.h"

namespace foregate {
namespace {

struct Flags {
  int max_threads = 0;
  int windows = 5;
  int window_ms = 40;
  std::string json_file;
};

absl::Status WriteFile(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnavailableError("cannot write " + path + ": " + std::strerror(errno));
}

absl::Status Run(const Flags& flags) {
  const int max_threads = flags.max_threads > 0 ? flags.max_threads : static_cast<int>(UsableCpus().size());
  FOREGATE_ASSIGN_OR_RETURN(
      const MachineProbe probe,
      ProbeMachine(max_threads, {.num_windows = flags.windows, .window = std::chrono::milliseconds(flags.window_ms)}));
  if (flags.json_file == "-") {
    std::cout << RooflineJson(probe);
    return absl::OkStatus();
  }
  std::cout << RooflineTable(probe);
  return flags.json_file.empty() ? absl::OkStatus() : WriteFile(flags.json_file, RooflineJson(probe));
}

}  // namespace

OfflineCommand AddRooflineCommand(CLI::App* app) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = app->add_subcommand(
      "roofline", "measure read bandwidth per cache level and the peak of dot-product instructions");
  command->add_option("--threads", flags->max_threads, "most threads (default: the CPUs this process may use)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--windows", flags->windows, "measure each so often; the best one counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--window-ms", flags->window_ms, "for so long each time")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_option("--json", flags->json_file,
                      "also write the figures there; - is standard output, without the table");
  return [flags] { return Run(*flags); };
}

}  // namespace foregate
