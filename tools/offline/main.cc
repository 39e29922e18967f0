// `foregate-offline`: what needs no daemon. `foregate-offline --help` lists the subcommands.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "tools/offline/offline_command.h"
#include "tools/offline/pack_command.h"
#include "tools/offline/plan_command.h"
#include "tools/offline/roofline_command.h"
#include "tools/offline/trace_command.h"

namespace foregate {
namespace {

constexpr AddOfflineCommand kCommands[] = {AddPackCommand, AddPlanCommand, AddRooflineCommand, AddTraceCommand};

int Main(int argc, char** argv) {
  CLI::App app("Foregate's commands that need no daemon.", "foregate-offline");
  app.require_subcommand(1);
  std::vector<OfflineCommand> commands;
  for (const AddOfflineCommand add : kCommands) commands.push_back(add(&app));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const std::vector<CLI::App*> all = app.get_subcommands([](CLI::App* /*any*/) { return true; });
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i]->parsed()) continue;
    const absl::Status status = commands[i]();
    if (status.ok()) return 0;
    std::cerr << "foregate-offline " << all[i]->get_name() << ": " << status.message() << "\n";
    return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
  }
  return 2;
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) { return foregate::Main(argc, argv); }
