#include "server/generation/status_details.h"

#include <cstdint>
#include <cstdlib>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace foregate {
namespace {

constexpr char kFieldKey[] = "foregate/field";
constexpr char kReasonKey[] = "foregate/reason";
constexpr char kRetryAfterKey[] = "foregate/retry-after-ms";
constexpr std::chrono::milliseconds kDefaultRetryAfter{1000};

void Attach(absl::Status* status, const char* key, std::string_view value) {
  status->SetPayload(key, absl::Cord(absl::string_view(value.data(), value.size())));
}

std::optional<std::string> Attached(const absl::Status& status, const char* key) {
  const auto payload = status.GetPayload(key);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

std::string_view ReasonOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "";
    case absl::StatusCode::kInvalidArgument:
      return reason::kInvalidField;
    case absl::StatusCode::kNotFound:
      return reason::kModelNotFound;
    case absl::StatusCode::kAlreadyExists:
      return reason::kRequestIdInUse;
    case absl::StatusCode::kUnauthenticated:
      return reason::kUnauthenticated;
    case absl::StatusCode::kResourceExhausted:
      return reason::kQueueFull;
    case absl::StatusCode::kUnavailable:
      return reason::kUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return reason::kDeadlineExceeded;
    case absl::StatusCode::kCancelled:
      return reason::kCancelled;
    default:
      return reason::kInternal;
  }
}

}  // namespace

absl::Status InvalidField(const std::string& field, const std::string& problem) {
  return WithField(absl::InvalidArgumentError(field + ": " + problem), field);
}

absl::Status WithField(absl::Status status, std::string_view field) {
  Attach(&status, kFieldKey, field);
  return status;
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  Attach(&status, kReasonKey, reason);
  return status;
}

absl::Status WithRetryAfter(absl::Status status, std::chrono::milliseconds delay) {
  Attach(&status, kRetryAfterKey, std::to_string(delay.count()));
  return status;
}

std::optional<std::string> FieldOf(const absl::Status& status) { return Attached(status, kFieldKey); }

std::string ReasonOf(const absl::Status& status) {
  if (auto attached = Attached(status, kReasonKey)) return *attached;
  return std::string(ReasonOfCode(status.code()));
}

std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status) {
  if (const auto attached = Attached(status, kRetryAfterKey)) {
    return std::chrono::milliseconds(std::strtoll(attached->c_str(), nullptr, 10));
  }
  if (status.code() == absl::StatusCode::kResourceExhausted || status.code() == absl::StatusCode::kUnavailable) {
    return kDefaultRetryAfter;
  }
  return std::nullopt;
}

}  // namespace foregate
