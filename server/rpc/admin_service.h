// foregate.admin.v1.AdminService: drain, abort, and routing traces. Every method checks the admin listener's token.
#ifndef FOREGATE_SERVER_RPC_ADMIN_SERVICE_H_
#define FOREGATE_SERVER_RPC_ADMIN_SERVICE_H_

#include <memory>

namespace grpc {
class Service;
}  // namespace grpc

namespace foregate {

class DrainController;
class ServingState;
class TokenVerifier;

// Everything outlives the service, which outlives its server. Thread-safe.
std::unique_ptr<grpc::Service> MakeAdminService(ServingState* state, DrainController* drain,
                                                const TokenVerifier* tokens);

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_ADMIN_SERVICE_H_
