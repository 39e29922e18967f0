// The two listeners of foregated. Each is a grpc::Server of its own, so that operators are answered when users are not,
// and so that their credentials, services and addresses have nothing in common.
//
//   data:  inference, discovery, experts, grpc.health.v1, reflection
//   admin: admin, grpc.health.v1, reflection, channelz
//
// Where a listener has a token file, reflection and channelz need a token too: calls without one are cancelled. Health
// is open, because probes carry no token.
#ifndef FOREGATE_SERVER_RPC_GRPC_SERVER_H_
#define FOREGATE_SERVER_RPC_GRPC_SERVER_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/server_config.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace foregate {

class TokenVerifier;

struct ListenerServices {
  std::vector<grpc::Service*> services;
  std::vector<std::string> names;  // their full names, for health
  const TokenVerifier* tokens = nullptr;
};

class GrpcServers {
 public:
  // Opens both listeners. INVALID_ARGUMENT or UNAVAILABLE naming the address or the file. Services and verifiers
  // outlive the servers. REQUIRES: called once in a process, because channelz is switched on in it for good.
  static absl::StatusOr<std::unique_ptr<GrpcServers>> Start(const ServerConfig& config, const ListenerServices& data,
                                                            const ListenerServices& admin);
  virtual ~GrpcServers() = default;  // Shutdown(0) if it has not been called

  // With the real port.
  virtual const std::string& data_address() const = 0;
  virtual const std::string& admin_address() const = 0;
  virtual void SetServing(bool is_serving) = 0;
  // Ends health watches, then waits for running calls and cancels what is left at `grace`.
  virtual void Shutdown(std::chrono::milliseconds grace) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_GRPC_SERVER_H_
