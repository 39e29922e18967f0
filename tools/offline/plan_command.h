// `foregate plan`: what a daemon would do with so much memory, and how fast it would be.
#ifndef FOREGATE_TOOLS_OFFLINE_PLAN_COMMAND_H_
#define FOREGATE_TOOLS_OFFLINE_PLAN_COMMAND_H_

#include "tools/offline/offline_command.h"

namespace foregate {

OfflineCommand AddPlanCommand(CLI::App* app);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_PLAN_COMMAND_H_
