// `foregate-offline roofline`: what this machine can do at best, as a table and as JSON.
#ifndef FOREGATE_TOOLS_OFFLINE_ROOFLINE_COMMAND_H_
#define FOREGATE_TOOLS_OFFLINE_ROOFLINE_COMMAND_H_

#include "tools/offline/offline_command.h"

namespace foregate {

OfflineCommand AddRooflineCommand(CLI::App* app);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_ROOFLINE_COMMAND_H_
