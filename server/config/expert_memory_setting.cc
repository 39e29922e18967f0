#include "server/config/expert_memory_setting.h"

#include <string>

#include "server/config/config_schema.h"

namespace foregate {

absl::StatusOr<ExpertMemorySetting> ParseExpertMemory(std::string_view text) {
  using Kind = ExpertMemorySetting::Kind;
  if (text == "auto") return ExpertMemorySetting{.kind = Kind::kAuto};
  if (text == "all") return ExpertMemorySetting{.kind = Kind::kAll};
  const bool is_percent = text.ends_with('%');
  const absl::StatusOr<int64_t> value = ParseSize(is_percent ? text.substr(0, text.size() - 1) : text);
  const int64_t limit = is_percent ? 100 : INT64_MAX;
  if (!value.ok() || *value < 1 || *value > limit)
    return absl::InvalidArgumentError("\"" + std::string(text) +
                                      "\" is neither auto nor all nor a size such as 8GiB nor a share from 1% to 100%");
  return ExpertMemorySetting{.kind = is_percent ? Kind::kPercent : Kind::kBytes, .value = *value};
}

}  // namespace foregate
