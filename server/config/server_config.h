// ServerConfig: every setting of foregated as one validated value. The schema is
// proto/foregate/config/v1/server_config.proto; nothing else in the daemon reads flags, files or the environment.
//
// A value, not changed after start. A field without presence means "automatic", where its comment in the schema says
// so.
#ifndef FOREGATE_SERVER_CONFIG_SERVER_CONFIG_H_
#define FOREGATE_SERVER_CONFIG_SERVER_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "foregate/config/v1/server_config.pb.h"

namespace foregate {

using ServerConfig = config::v1::ServerConfig;

// Where the value of a field came from, for messages: path ("engine.kv_bytes") to "--engine.kv_bytes" or
// "file:line:column: engine.kv_bytes". A field that is absent has its default.
using ConfigOrigins = std::map<std::string, std::string>;

// Every default that the schema's comments state (a test compares them).
ServerConfig DefaultServerConfig();

// Checks ranges, choices and combinations of a config with defaults filled in. One sentence per problem, each naming
// its origin; empty when the config can be served. `needs_model` is false for --print-config.
std::vector<std::string> FindConfigProblems(const ServerConfig& config, const ConfigOrigins& origins, bool needs_model);

// The file that gives this config again: text proto, defaults included, automatic fields as comments.
std::string PrintServerConfig(const ServerConfig& config);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_SERVER_CONFIG_H_
