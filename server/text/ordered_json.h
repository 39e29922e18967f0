// JSON text as a value that keeps what Python's json.loads keeps: the order of keys, integers apart from floats.
#ifndef FOREGATE_SERVER_TEXT_ORDERED_JSON_H_
#define FOREGATE_SERVER_TEXT_ORDERED_JSON_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

// Bounds what later recurses over the value; nothing that people send comes near it.
inline constexpr int kMaxJsonTextDepth = 64;

// A key given twice keeps its first place and its last value, as in Python. Linear in the text (an ordered_json's own
// parser searches all keys of an object for each new one). INVALID_ARGUMENT with the byte offset for anything that is
// not one JSON value, and for values nested deeper than max_depth.
absl::StatusOr<nlohmann::ordered_json> ParseOrderedJson(std::string_view text, int max_depth = kMaxJsonTextDepth);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_ORDERED_JSON_H_
