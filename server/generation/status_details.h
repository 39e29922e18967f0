// What a failed absl::Status knows beside its code and message: the field at fault, a stable reason, when to retry.
// Transports turn it into their own form (google.rpc details on gRPC). docs/errors.md lists the reasons.
#ifndef FOREGATE_SERVER_GENERATION_STATUS_DETAILS_H_
#define FOREGATE_SERVER_GENERATION_STATUS_DETAILS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace foregate {

// Stable: clients switch on these.
namespace reason {
inline constexpr std::string_view kInvalidField = "INVALID_FIELD";
inline constexpr std::string_view kInvalidMetadata = "INVALID_METADATA";
inline constexpr std::string_view kPromptTooLong = "PROMPT_TOO_LONG";
inline constexpr std::string_view kModelNotFound = "MODEL_NOT_FOUND";
inline constexpr std::string_view kNoTokenizer = "NO_TOKENIZER";
inline constexpr std::string_view kNoChatTemplate = "NO_CHAT_TEMPLATE";
inline constexpr std::string_view kTemplateNotFound = "TEMPLATE_NOT_FOUND";
inline constexpr std::string_view kTokenizerChanged = "TOKENIZER_CHANGED";
inline constexpr std::string_view kModelDefaults = "MODEL_DEFAULTS";
inline constexpr std::string_view kRequestIdInUse = "REQUEST_ID_IN_USE";
inline constexpr std::string_view kUnauthenticated = "UNAUTHENTICATED";
inline constexpr std::string_view kServerFull = "SERVER_FULL";
inline constexpr std::string_view kQueueFull = "QUEUE_FULL";
inline constexpr std::string_view kSlowReader = "SLOW_READER";
inline constexpr std::string_view kReplyTooLarge = "REPLY_TOO_LARGE";
inline constexpr std::string_view kModelLoading = "MODEL_LOADING";
inline constexpr std::string_view kModelFailed = "MODEL_FAILED";
inline constexpr std::string_view kDraining = "DRAINING";
inline constexpr std::string_view kUnavailable = "UNAVAILABLE";
inline constexpr std::string_view kDeadlineExceeded = "DEADLINE_EXCEEDED";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kInternal = "INTERNAL";
}  // namespace reason

// INVALID_ARGUMENT "FIELD: PROBLEM". `field` is the path in the request, "options.sampling.top_p".
absl::Status InvalidField(const std::string& field, const std::string& problem);
// The same status with a field, a reason or a retry delay attached; OK stays OK.
absl::Status WithField(absl::Status status, std::string_view field);
absl::Status WithReason(absl::Status status, std::string_view reason);
absl::Status WithRetryAfter(absl::Status status, std::chrono::milliseconds delay);

std::optional<std::string> FieldOf(const absl::Status& status);
// The attached reason, or the one that stands for the status' code. Empty for OK.
std::string ReasonOf(const absl::Status& status);
// The attached delay, or one second for the codes that promise one (RESOURCE_EXHAUSTED, UNAVAILABLE).
std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status);

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_STATUS_DETAILS_H_
