#include "client/call_error.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace foregate {
namespace {

constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

template <typename Message>
std::optional<Message> Detail(const absl::Status& status, const char* type_url) {
  const auto payload = status.GetPayload(type_url);
  if (!payload.has_value()) return std::nullopt;
  Message message;
  if (!message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

}  // namespace

absl::Status MakeCallError(int code, const std::string& message, const std::string& details) {
  if (code == 0) return absl::OkStatus();
  absl::Status status(static_cast<absl::StatusCode>(code), message);
  google::rpc::Status rpc_status;
  if (rpc_status.ParseFromString(details)) {
    for (const auto& any : rpc_status.details()) status.SetPayload(any.type_url(), absl::Cord(any.value()));
  }
  return status;
}

std::vector<std::pair<std::string, std::string>> FieldViolations(const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> violations;
  const auto bad_request = Detail<google::rpc::BadRequest>(status, kBadRequestUrl);
  if (!bad_request) return violations;
  for (const auto& violation : bad_request->field_violations()) {
    violations.emplace_back(violation.field(), violation.description());
  }
  return violations;
}

std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status) {
  const auto retry = Detail<google::rpc::RetryInfo>(status, kRetryInfoUrl);
  if (!retry) return std::nullopt;
  // A hint beyond a day is a mistake or an attack; the bound keeps the sum below from overflowing.
  const int64_t seconds = std::clamp<int64_t>(retry->retry_delay().seconds(), 0, 86400);
  const int64_t nanos = std::clamp<int64_t>(retry->retry_delay().nanos(), 0, 999999999);
  return std::chrono::milliseconds(seconds * 1000 + nanos / 1000000);
}

std::string ErrorReason(const absl::Status& status) {
  const auto info = Detail<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  return info ? info->reason() : std::string();
}

std::string DescribeError(const absl::Status& status) {
  const std::string message(status.message().data(), status.message().size());
  std::string line = absl::StatusCodeToString(status.code()) + ": " + message;
  for (const auto& [field, description] : FieldViolations(status)) {
    if (message.find(field) != std::string::npos) continue;
    line += "; field " + field;
    if (description != message) line += ": " + description;
  }
  if (const auto delay = RetryDelay(status)) line += " (retry after " + std::to_string(delay->count()) + " ms)";
  return OneLine(line);
}

}  // namespace foregate
