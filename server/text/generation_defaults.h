// What generation_config.json recommends.
#ifndef FOREGATE_SERVER_TEXT_GENERATION_DEFAULTS_H_
#define FOREGATE_SERVER_TEXT_GENERATION_DEFAULTS_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/text/config_file.h"

namespace foregate {

// Absent where the file says nothing.
struct GenerationDefaults {
  std::optional<bool> do_sample;
  std::optional<double> temperature;
  std::optional<int32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
};

// INVALID_ARGUMENT naming file and key for a value out of range.
absl::StatusOr<GenerationDefaults> ReadGenerationDefaults(const ConfigFile& generation_config);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_GENERATION_DEFAULTS_H_
