#include "client/connection.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "client/call_error.h"
#include "client/retry_policy.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace foregate::internal {
namespace {

// The largest response that foregated's default limits.max_response_bytes lets it send.
constexpr int kMaxResponseBytes = 64 << 20;
// foregated tolerates a ping every 10 s without data; twice that leaves room for jitter.
constexpr int kKeepaliveTimeMs = 20000;
constexpr int kKeepaliveTimeoutMs = 10000;

std::shared_ptr<grpc::ChannelCredentials> Credentials(const ClientOptions& options) {
  if (!options.use_tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.ca_pem;
  tls.pem_cert_chain = options.cert_pem;
  tls.pem_private_key = options.key_pem;
  return grpc::SslCredentials(tls);
}

void Prepare(const ClientOptions& options, const CallOptions& call,
             const std::optional<std::chrono::system_clock::time_point>& deadline, grpc::ClientContext* context) {
  if (deadline) context->set_deadline(*deadline);
  if (!options.token.empty()) context->AddMetadata("authorization", "Bearer " + options.token);
  if (!call.request_id.empty()) context->AddMetadata("x-request-id", call.request_id);
}

bool Sleep(Cancellation* cancellation, std::chrono::milliseconds delay) {
  if (cancellation != nullptr) return cancellation->SleepFor(delay);
  std::this_thread::sleep_for(delay);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(ClientOptions options) {
  if (options.cert_pem.empty() != options.key_pem.empty()) {
    return absl::InvalidArgumentError("a client certificate and its key go together");
  }
  if (!options.use_tls && !(options.ca_pem.empty() && options.cert_pem.empty())) {
    return absl::InvalidArgumentError("certificates were given but use_tls is off");
  }
  for (const char c : options.token) {
    if (c < 0x21 || c > 0x7e) return absl::InvalidArgumentError("the token holds a character that no header can carry");
  }
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxResponseBytes);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Retries are this class's; gRPC's own would hide the server's RetryInfo.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  auto channel = grpc::CreateCustomChannel(options.address, Credentials(options), args);
  return std::unique_ptr<Connection>(new Connection(std::move(options), std::move(channel)));
}

Connection::Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)), channel_(std::move(channel)) {}

absl::Status Connection::Call(const CallOptions& call, const std::function<grpc::Status(grpc::ClientContext*)>& attempt,
                              const std::function<bool()>& may_repeat) const {
  std::optional<std::chrono::system_clock::time_point> deadline;
  if (options_.timeout.count() > 0) deadline = std::chrono::system_clock::now() + options_.timeout;
  RetryPolicy retries(options_.retry_budget);
  while (true) {
    grpc::ClientContext context;
    Prepare(options_, call, deadline, &context);
    std::optional<Cancellation::Registration> registration;
    if (call.cancellation != nullptr) registration.emplace(call.cancellation, [&context] { context.TryCancel(); });
    const grpc::Status result = attempt(&context);
    registration.reset();
    absl::Status status = MakeCallError(result.error_code(), result.error_message(), result.error_details());
    if (!absl::IsUnavailable(status) || !call.retry || !may_repeat()) return status;
    const auto delay = retries.NextDelay(RetryDelay(status));
    if (!delay || (deadline && std::chrono::system_clock::now() + *delay >= *deadline)) return status;
    if (!Sleep(call.cancellation, *delay)) return absl::CancelledError("cancelled while waiting to retry");
  }
}

}  // namespace foregate::internal
