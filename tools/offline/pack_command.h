// `foregate-offline pack`: a model into a container that foregated serves alone.
#ifndef FOREGATE_TOOLS_OFFLINE_PACK_COMMAND_H_
#define FOREGATE_TOOLS_OFFLINE_PACK_COMMAND_H_

#include "tools/offline/offline_command.h"

namespace foregate {

OfflineCommand AddPackCommand(CLI::App* app);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_PACK_COMMAND_H_
