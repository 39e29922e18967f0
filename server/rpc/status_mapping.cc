#include "server/rpc/status_mapping.h"

#include <grpcpp/support/status.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

std::string CutAtCharacter(std::string text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  // A continuation byte is 10xxxxxx; the character begins before it.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& request_id) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message = CutAtCharacter(std::string(status.message()), kMaxStatusMessageBytes);
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(ReasonOf(status));
  info.set_domain("foregate");
  if (!request_id.empty()) (*info.mutable_metadata())["request_id"] = request_id;
  wire.add_details()->PackFrom(info);
  if (const auto field = FieldOf(status)) {
    google::rpc::BadRequest bad_request;
    google::rpc::BadRequest::FieldViolation* violation = bad_request.add_field_violations();
    violation->set_field(CutAtCharacter(*field, kMaxStatusMessageBytes));
    violation->set_description(message);
    wire.add_details()->PackFrom(bad_request);
  }
  if (const auto delay = RetryAfterOf(status)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(delay->count() / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(delay->count() % 1000) * 1000000);
    wire.add_details()->PackFrom(retry);
  }
  // The numbers of absl's codes are those of the wire.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message, wire.SerializeAsString());
}

}  // namespace foregate
