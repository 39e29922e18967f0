// The services of the data listener: inference, discovery, experts. The composition root builds them once and gives
// them to the grpc::ServerBuilder.
#ifndef FOREGATE_SERVER_RPC_DATA_SERVICES_H_
#define FOREGATE_SERVER_RPC_DATA_SERVICES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Service;
}  // namespace grpc

namespace foregate {

class AccessLog;
class AdmissionController;
class ServingState;
class TextPool;
class TokenVerifier;

// From server/config (limits.*), which holds the defaults.
struct RpcLimits {
  int64_t max_request_bytes = 0;        // reported by GetModel; the listener enforces it
  int64_t max_response_bytes = 0;       // a unary reply beyond: RESOURCE_EXHAUSTED
  int64_t max_stream_buffer_bytes = 0;  // output that waits for one slow client; beyond: RESOURCE_EXHAUSTED
  // A reader cut off for slowness gets this long to take that status; then its stream is reset, and its permit returns.
  // No option of operators; tests shorten it.
  int64_t slow_reader_grace_ms = 10000;
};

// Nothing is owned; everything outlives the services, and the TextPool is stopped (TextPool::Stop) only after the
// grpc::Server that they are registered with has shut down.
struct RpcDependencies {
  ServingState* state = nullptr;
  AdmissionController* admission = nullptr;
  const TokenVerifier* tokens = nullptr;
  AccessLog* access_log = nullptr;
  TextPool* text_pool = nullptr;
  RpcLimits limits;
  std::string version;  // GetServerInfo.version
};

// InferenceService, DiscoveryService and ExpertService. They must outlive the server that they are registered with.
// Thread-safe once registered: gRPC calls them from its own threads and none of their reactions blocks.
struct DataServices {
  DataServices();
  DataServices(DataServices&&) noexcept;
  DataServices& operator=(DataServices&&) noexcept;
  ~DataServices();

  std::vector<std::unique_ptr<grpc::Service>> services;
};

DataServices MakeDataServices(const RpcDependencies& dependencies);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_DATA_SERVICES_H_
