// Free-form JSON of a request, in its two spellings: google.protobuf.Struct, and the text of a value.
#ifndef FOREGATE_SERVER_RPC_JSON_FIELDS_H_
#define FOREGATE_SERVER_RPC_JSON_FIELDS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace google::protobuf {
class Struct;
}  // namespace google::protobuf

namespace foregate {

// Keys sorted, so that equal requests give equal prompts; numbers that are whole become integers. INVALID_ARGUMENT with
// the path below `field` for what JSON cannot say and for values nested deeper than 32.
absl::StatusOr<nlohmann::ordered_json> StructField(const google::protobuf::Struct& value, const std::string& field);

// The text of an object, order and numbers kept. INVALID_ARGUMENT naming `field`.
absl::StatusOr<nlohmann::ordered_json> ObjectTextField(const std::string& text, const std::string& field);

// A field that a message has in both spellings, `text` in the field "FIELD_json"; null for one that is unset. The
// object of whichever is set; an empty object when neither is. INVALID_ARGUMENT when both are.
absl::StatusOr<nlohmann::ordered_json> ObjectField(const google::protobuf::Struct* value, const std::string* text,
                                                   const std::string& field);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_JSON_FIELDS_H_
