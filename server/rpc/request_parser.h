// Wire messages to typed calls. With request_limits.h the only place where a request is called invalid for its form;
// nothing behind it sees protobuf.
#ifndef FOREGATE_SERVER_RPC_REQUEST_PARSER_H_
#define FOREGATE_SERVER_RPC_REQUEST_PARSER_H_

#include "absl/status/statusor.h"
#include "server/generation/generation_call.h"

namespace foregate {

namespace inference::v1 {
class ChatRequest;
class ChatStreamRequest;
class GenerateRequest;
class GenerateStreamRequest;
}  // namespace inference::v1

// The typed call, within the limits of inference.proto (ValidateCall). request_id, arrival and deadline are the
// caller's to fill in. INVALID_ARGUMENT with the path of the field at fault.
absl::StatusOr<GenerationCall> ParseRequest(const inference::v1::GenerateRequest& request);
absl::StatusOr<GenerationCall> ParseRequest(const inference::v1::GenerateStreamRequest& request);
absl::StatusOr<GenerationCall> ParseRequest(const inference::v1::ChatRequest& request);
absl::StatusOr<GenerationCall> ParseRequest(const inference::v1::ChatStreamRequest& request);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_REQUEST_PARSER_H_
