// absl::Status to grpc::Status with google.rpc details: BadRequest, RetryInfo, ErrorInfo. docs/errors.md describes
// them.
#ifndef FOREGATE_SERVER_RPC_STATUS_MAPPING_H_
#define FOREGATE_SERVER_RPC_STATUS_MAPPING_H_

#include <string>

#include "absl/status/status.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace foregate {

// Messages are cut, at a whole character, to this: status and details travel as metadata, of which clients accept
// 8 KiB in all, and the message is in there twice.
inline constexpr size_t kMaxStatusMessageBytes = 1024;

grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& request_id);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_STATUS_MAPPING_H_
