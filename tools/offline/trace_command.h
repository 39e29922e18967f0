// `foregate-offline trace`: import, summary and replay of routing traces.
#ifndef FOREGATE_TOOLS_OFFLINE_TRACE_COMMAND_H_
#define FOREGATE_TOOLS_OFFLINE_TRACE_COMMAND_H_

#include "tools/offline/offline_command.h"

namespace foregate {

OfflineCommand AddTraceCommand(CLI::App* app);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_TRACE_COMMAND_H_
