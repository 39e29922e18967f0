// Any protobuf message as one line of JSON for scripts.
//
// Field names are those of the .proto; numbers are JSON numbers (64-bit ones too), enums their names, bytes arrays of
// numbers. Scalars are always there unless they are `optional` and unset; unset messages, empty lists and
// ..._UNSPECIFIED enums are left out. Invalid UTF-8 becomes U+FFFD.
#ifndef FOREGATE_CLIENT_CLI_JSON_OUTPUT_H_
#define FOREGATE_CLIENT_CLI_JSON_OUTPUT_H_

#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"

namespace foregate {

std::string JsonLine(const google::protobuf::Message& message);

// {"name": message, ...}, in the order given; a null message becomes null.
std::string JsonLine(const std::vector<std::pair<std::string, const google::protobuf::Message*>>& members);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_JSON_OUTPUT_H_
