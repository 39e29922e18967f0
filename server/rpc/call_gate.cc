#include "server/rpc/call_gate.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <string_view>

#include "server/generation/status_details.h"
#include "server/rpc/call_metadata.h"
#include "server/rpc/status_mapping.h"
#include "server/security/token_verifier.h"

namespace foregate {
namespace {

constexpr char kRequestIdKey[] = "x-request-id";
constexpr char kTraceparentKey[] = "traceparent";
constexpr char kAuthorizationKey[] = "authorization";
// A checkpoint takes seconds to minutes; asking once a second costs nothing.
constexpr std::chrono::milliseconds kLoadingRetry{1000};
// Another replica is to serve, so soon.
constexpr std::chrono::milliseconds kDrainingRetry{500};

struct MetadataValue {
  size_t count = 0;
  std::string_view value;  // the first
};

MetadataValue Lookup(const grpc::CallbackServerContext& context, const char* key) {
  MetadataValue found;
  const auto [begin, end] = context.client_metadata().equal_range(key);
  for (auto it = begin; it != end; ++it) {
    if (found.count++ == 0) found.value = std::string_view(it->second.data(), it->second.size());
  }
  return found;
}

absl::Status CheckOnce(const MetadataValue& metadata, const char* key) {
  if (metadata.count <= 1) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(std::string("metadata ") + key + ": must be given once, got " +
                                               std::to_string(metadata.count)),
                    reason::kInvalidMetadata);
}

SteadyTime SteadyDeadline(const grpc::CallbackServerContext& context, SteadyTime now) {
  using std::chrono::system_clock;
  const system_clock::time_point deadline = context.deadline();
  if (deadline == system_clock::time_point::max()) return SteadyTime::max();
  // Longer than any deadline that is meant, and far from the end of the clock's range.
  constexpr std::chrono::hours kForever{24 * 365 * 50};
  const auto remaining = deadline - system_clock::now();
  if (remaining > kForever) return SteadyTime::max();
  return now + std::chrono::duration_cast<SteadyTime::duration>(remaining);
}

}  // namespace

CallTicket::CallTicket(AccessLog* log, AccessRecord record, SteadyTime arrival)
    : log_(log), record_(std::move(record)), arrival_(arrival) {}

absl::Status CallTicket::CheckDeadline() const {
  if (std::chrono::steady_clock::now() < deadline_) return absl::OkStatus();
  return absl::DeadlineExceededError("the call's deadline has passed");
}

absl::Status CallTicket::CancellationReason() const {
  if (deadline_ != SteadyTime::max()) {
    // On the wire a timeout is rounded up, by at most 1 %; the rest is the way here.
    constexpr std::chrono::milliseconds kTransit{20};
    const SteadyTime about_deadline = deadline_ - (deadline_ - arrival_) / 64 - kTransit;
    if (std::chrono::steady_clock::now() >= about_deadline) {
      return absl::DeadlineExceededError("the call's deadline has passed");
    }
  }
  return absl::CancelledError("the client cancelled the call");
}

grpc::Status CallTicket::Finish(const absl::Status& status, const RequestSummary& summary) {
  record_.code = std::string(absl::StatusCodeToString(status.code()));
  record_.message = std::string(status.message());
  record_.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - arrival_).count();
  record_.summary = summary;
  log_->Write(record_);
  return ToGrpcStatus(status, record_.request_id);
}

std::unique_ptr<CallTicket> CallGate::Enter(grpc::CallbackServerContext* context, const char* method) const {
  const SteadyTime arrival = std::chrono::steady_clock::now();
  const MetadataValue given_id = Lookup(*context, kRequestIdKey);
  const MetadataValue traceparent = Lookup(*context, kTraceparentKey);
  const MetadataValue authorization = Lookup(*context, kAuthorizationKey);
  const bool use_given_id = given_id.count == 1 && IsRequestId(given_id.value);

  AccessRecord record;
  record.method = method;
  record.peer = context->peer();
  record.request_id = use_given_id ? std::string(given_id.value) : NewRequestId();
  if (IsTraceparent(traceparent.value)) record.traceparent = std::string(traceparent.value);
  auto ticket = std::make_unique<CallTicket>(dependencies_.access_log, std::move(record), arrival);
  ticket->deadline_ = SteadyDeadline(*context, arrival);
  context->AddInitialMetadata(kRequestIdKey, ticket->request_id());

  absl::Status& admitted = ticket->admitted_;
  admitted = CheckOnce(authorization, kAuthorizationKey);
  if (admitted.ok()) admitted = dependencies_.tokens->Verify(authorization.value);
  if (admitted.ok()) admitted = CheckOnce(given_id, kRequestIdKey);
  if (admitted.ok()) admitted = CheckOnce(traceparent, kTraceparentKey);
  if (admitted.ok() && given_id.count == 1 && !use_given_id) {
    admitted = WithReason(absl::InvalidArgumentError("metadata x-request-id: must be 1 to 128 characters of "
                                                     "[A-Za-z0-9._:-], got " +
                                                     std::to_string(given_id.value.size()) + " bytes"),
                          reason::kInvalidMetadata);
  }
  if (admitted.ok()) admitted = ticket->CheckDeadline();
  if (!admitted.ok()) return ticket;
  absl::StatusOr<AdmissionPermit> permit = dependencies_.admission->Admit();
  if (permit.ok()) {
    ticket->permit_ = *std::move(permit);
  } else {
    admitted = WithReason(std::move(permit).status(), reason::kServerFull);
  }
  return ticket;
}

absl::StatusOr<std::shared_ptr<ServedModel>> CallGate::ReadyModel() const {
  absl::StatusOr<std::shared_ptr<ServedModel>> model = dependencies_.state->Ready();
  if (model.ok()) return model;
  absl::Status status = std::move(model).status();
  switch (dependencies_.state->phase()) {
    case ServerPhase::kLoading:
      return WithRetryAfter(WithReason(std::move(status), reason::kModelLoading), kLoadingRetry);
    case ServerPhase::kDraining:
      return WithRetryAfter(WithReason(std::move(status), reason::kDraining), kDrainingRetry);
    case ServerPhase::kFailed:
      return WithReason(std::move(status), reason::kModelFailed);
    case ServerPhase::kReady:
      break;  // became ready in between: the caller may try again at once
  }
  return status;
}

}  // namespace foregate
