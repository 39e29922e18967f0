// DiscoveryService: what is served here, what it accepts, how busy it is. Answers in every phase of the server's life.
#ifndef FOREGATE_SERVER_RPC_DISCOVERY_SERVICE_H_
#define FOREGATE_SERVER_RPC_DISCOVERY_SERVICE_H_

#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/data_services.h"

namespace foregate {

// Thread-safe. Outlives the server that it is registered with.
class DiscoveryService final : public discovery::v1::DiscoveryService::CallbackService {
 public:
  explicit DiscoveryService(const RpcDependencies& dependencies) : gate_(dependencies) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const discovery::v1::GetServerInfoRequest* request,
                                          discovery::v1::GetServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const discovery::v1::ListModelsRequest* request,
                                       discovery::v1::ListModelsResponse* response) override;
  // UNAVAILABLE with progress until the model is loaded.
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const discovery::v1::GetModelRequest* request,
                                     discovery::v1::GetModelResponse* response) override;
  // Zeros until the model is loaded.
  grpc::ServerUnaryReactor* GetLoad(grpc::CallbackServerContext* context, const discovery::v1::GetLoadRequest* request,
                                    discovery::v1::GetLoadResponse* response) override;
  // UNAVAILABLE with progress until the model is loaded.
  grpc::ServerWriteReactor<discovery::v1::GetTokenizerResponse>* GetTokenizer(
      grpc::CallbackServerContext* context, const discovery::v1::GetTokenizerRequest* request) override;

 private:
  const CallGate gate_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_DISCOVERY_SERVICE_H_
