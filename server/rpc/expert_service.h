// ExpertService: how often every expert was chosen, where it is, and what the expert tier has done. Read-only.
#ifndef FOREGATE_SERVER_RPC_EXPERT_SERVICE_H_
#define FOREGATE_SERVER_RPC_EXPERT_SERVICE_H_

#include "foregate/experts/v1/expert.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/data_services.h"

namespace foregate {

// Thread-safe. Outlives the server that it is registered with.
class ExpertService final : public experts::v1::ExpertService::CallbackService {
 public:
  explicit ExpertService(const RpcDependencies& dependencies) : gate_(dependencies) {}

  // UNAVAILABLE until the model is loaded.
  grpc::ServerUnaryReactor* GetExpertStats(grpc::CallbackServerContext* context,
                                           const experts::v1::GetExpertStatsRequest* request,
                                           experts::v1::GetExpertStatsResponse* response) override;

 private:
  const CallGate gate_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_EXPERT_SERVICE_H_
