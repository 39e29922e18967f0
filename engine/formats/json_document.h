// ParseJsonObject: a JSON document from an untrusted file, with limits on depth and size, and no key twice in one
// object.
#ifndef FOREGATE_ENGINE_FORMATS_JSON_DOCUMENT_H_
#define FOREGATE_ENGINE_FORMATS_JSON_DOCUMENT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

// A checkpoint's deepest published nesting is 5, its largest index has fewer than 200,000 entries.
inline constexpr int kMaxJsonDepth = 32;
inline constexpr int kMaxJsonValues = 8'000'000;

// `file` names the source in errors. INVALID_ARGUMENT for anything that is not one JSON object within the limits.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text, const std::string& file);

// `value` as text for a message, cut to a readable length.
std::string JsonExcerpt(const nlohmann::json& value);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_JSON_DOCUMENT_H_
