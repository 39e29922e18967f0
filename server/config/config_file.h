// Reading the configuration file: text proto of foregate.config.v1.ServerConfig. The content is untrusted.
#ifndef FOREGATE_SERVER_CONFIG_CONFIG_FILE_H_
#define FOREGATE_SERVER_CONFIG_CONFIG_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/config/server_config.h"

namespace foregate {

// What the file sets, and where. `file` names it in problems and origins. Problems ("file:line:column: what") are
// appended; with any, the config is of no use.
ServerConfig ParseConfigText(std::string_view text, const std::string& file, ConfigOrigins* origins,
                             std::vector<std::string>* problems);

// Reads at most 1 MiB of `path`.
ServerConfig ReadConfigFile(const std::string& path, ConfigOrigins* origins, std::vector<std::string>* problems);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_CONFIG_FILE_H_
