// JSON objects of files that nobody vouches for, and their members, with errors that name place and field.
#ifndef FOREGATE_CLIENT_EVALUATION_JSON_FIELDS_H_
#define FOREGATE_CLIENT_EVALUATION_JSON_FIELDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace foregate {

// Keeps the order of keys, which a chat template may show to the model.
using OrderedJson = nlohmann::ordered_json;

// Deeper values are refused, because printing and copying them recurses. The server's limit is the same.
inline constexpr int kMaxJsonDepth = 64;

// INVALID_ARGUMENT "PLACE: ..." for what is no JSON object, or a deeper one.
absl::StatusOr<OrderedJson> ParseJsonObject(std::string_view text, const std::string& place,
                                            int max_depth = kMaxJsonDepth);

// INVALID_ARGUMENT "PLACE: FIELD ...": every fault in these files reads like this.
absl::Status FieldFault(const std::string& place, const std::string& field, const std::string& what);

// A key that is not in `known` is a fault: a misspelt one would be passed over otherwise.
absl::Status CheckKeys(const OrderedJson& object, const std::vector<std::string_view>& known, const std::string& place);

// A member that has to be there and a string.
absl::StatusOr<std::string> StringField(const OrderedJson& object, const std::string& field, const std::string& place);

// One line, for a file or a hash.
std::string JsonText(const OrderedJson& json);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_JSON_FIELDS_H_
