// The schema of ServerConfig as data: fields with their paths, comments, flags and text values, all by reflection, so
// that a field which is added to the .proto has its flag, its help and its line in --print-config at once.
//
// Immutable after the first call; thread-safe.
#ifndef FOREGATE_SERVER_CONFIG_CONFIG_SCHEMA_H_
#define FOREGATE_SERVER_CONFIG_CONFIG_SCHEMA_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/config/server_config.h"

namespace foregate {

// A scalar field, however deep.
struct ConfigField {
  std::string path;                                             // "listen.tls.cert_file"
  std::string alias;                                            // short flag, "tls-cert"; empty when it has none
  std::string comment;                                          // from the .proto, one line
  std::vector<const google::protobuf::FieldDescriptor*> chain;  // from ServerConfig to the field

  const google::protobuf::FieldDescriptor* descriptor() const { return chain.back(); }
  bool is_bool() const { return descriptor()->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_BOOL; }
};

// In the order of the schema.
const std::vector<ConfigField>& ConfigFields();

// "8GiB", "512MiB", "4096": bytes. INVALID_ARGUMENT saying what was expected.
absl::StatusOr<int64_t> ParseSize(std::string_view text);

// By path or alias, without the leading dashes; '-' and '_' are the same in a path. Null when there is none.
const ConfigField* FindConfigField(std::string_view flag);

// INVALID_ARGUMENT saying what was expected. Sizes (fields that end in _bytes) take KiB, MiB, GiB and TiB.
absl::Status SetConfigField(const ConfigField& field, std::string_view text, ServerConfig* config);

// The value as a flag would take it; absent when the field has no presence.
std::optional<std::string> GetConfigField(const ConfigField& field, const ServerConfig& config);

// A numeric field's value; absent when it has no presence.
std::optional<int64_t> GetConfigNumber(const ConfigField& field, const ServerConfig& config);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_CONFIG_SCHEMA_H_
