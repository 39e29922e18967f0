// The config.json of a checkpoint's directory.
#ifndef FOREGATE_ENGINE_FORMATS_CONFIG_FILE_H_
#define FOREGATE_ENGINE_FORMATS_CONFIG_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr uint64_t kMaxModelConfigBytes = 16 << 20;

// Its text. ReadOnlyFile's errors; INVALID_ARGUMENT when it is larger than the limit.
absl::StatusOr<std::string> ReadConfigFile(const std::string& directory);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_CONFIG_FILE_H_
