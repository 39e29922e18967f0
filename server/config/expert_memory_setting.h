// What engine.expert_memory asks for.
#ifndef FOREGATE_SERVER_CONFIG_EXPERT_MEMORY_SETTING_H_
#define FOREGATE_SERVER_CONFIG_EXPERT_MEMORY_SETTING_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

struct ExpertMemorySetting {
  enum class Kind : uint8_t { kAuto, kAll, kBytes, kPercent };
  Kind kind = Kind::kAuto;
  int64_t value = 0;  // bytes, or percent of all experts
};

// "auto", "all", a size of at least one byte, or "1%" to "100%". INVALID_ARGUMENT saying what was expected.
absl::StatusOr<ExpertMemorySetting> ParseExpertMemory(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_EXPERT_MEMORY_SETTING_H_
