// What a failed call tells: the gRPC status and its google.rpc details as one absl::Status.
//
// The codes of the two are the same numbers. Each detail is a payload of the Status under its type URL, so that nothing
// is lost and callers need no gRPC header.
#ifndef FOREGATE_CLIENT_CALL_ERROR_H_
#define FOREGATE_CLIENT_CALL_ERROR_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

// `details` is the serialized google.rpc.Status of grpc-status-details-bin; details that do not parse are dropped.
absl::Status MakeCallError(int code, const std::string& message, const std::string& details);

// (field path, what is wrong with it) of a BadRequest.
std::vector<std::pair<std::string, std::string>> FieldViolations(const absl::Status& status);
// RetryInfo: when the server thinks that another attempt may succeed.
std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status);
// ErrorInfo.reason, stable across releases; empty when there is none.
std::string ErrorReason(const absl::Status& status);

// One line for a person: code, message, the fields at fault unless the message names them, and the retry hint.
std::string DescribeError(const absl::Status& status);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CALL_ERROR_H_
