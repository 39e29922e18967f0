// grpc.health.v1.Health of one listener. Own, because gRPC's default service says SERVING from the moment that the port
// opens until somebody can tell it otherwise; a loading model must never be seen as serving.
//
// Thread-safe. A watcher gets the current status at once and every change after it.
#ifndef FOREGATE_SERVER_RPC_HEALTH_SERVICE_H_
#define FOREGATE_SERVER_RPC_HEALTH_SERVICE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Service;
}  // namespace grpc

namespace foregate {

class HealthService {
 public:
  // `services` are the names that can be asked for beside "" (the server as a whole). All share one status, which
  // begins as NOT_SERVING.
  static std::unique_ptr<HealthService> Create(std::vector<std::string> services);
  virtual ~HealthService() = default;

  virtual grpc::Service* service() = 0;
  virtual void SetServing(bool is_serving) = 0;
  // Ends every watch with a last NOT_SERVING. Call before the server's shutdown, which would otherwise wait for them.
  virtual void Shutdown() = 0;
};

// Watches at once on one listener; beyond: RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxHealthWatchers = 256;

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_HEALTH_SERVICE_H_
