// The running daemon: makes every part, in the order in which they need each other, and takes them down in reverse.
#ifndef FOREGATE_SERVER_DAEMON_H_
#define FOREGATE_SERVER_DAEMON_H_

#include <semaphore>

#include "server/config/server_config.h"

namespace foregate {

// Asks for the end: released by a signal, and by a failed load.
using EndRequest = std::counting_semaphore<2>;

// Opens the listeners, loads the model, serves until `end` is released, drains. Returns the exit code: 0 after a drain,
// 1 when a listener could not be opened or the model not be loaded.
int RunDaemon(const ServerConfig& config, EndRequest* end);

}  // namespace foregate

#endif  // FOREGATE_SERVER_DAEMON_H_
