// Connection: the channel of a Client, and what every call through it has in common. Internal to the SDK.
#ifndef FOREGATE_CLIENT_CONNECTION_H_
#define FOREGATE_CLIENT_CONNECTION_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace foregate::internal {

// Thread-safe. Connecting happens at the first call.
class Connection {
 public:
  // INVALID_ARGUMENT when the options contradict each other.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(ClientOptions options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Runs `attempt` with a context that carries deadline, token and request id. UNAVAILABLE is tried again within the
  // retry budget, for as long as `may_repeat` holds (a stream that has delivered something may not start over).
  absl::Status Call(
      const CallOptions& call, const std::function<grpc::Status(grpc::ClientContext*)>& attempt,
      const std::function<bool()>& may_repeat = [] { return true; }) const;

 private:
  Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel);

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_CLIENT_CONNECTION_H_
