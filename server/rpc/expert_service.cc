#include "server/rpc/expert_service.h"

#include <algorithm>

#include "server/rpc/unary_call.h"

namespace foregate {
namespace {

namespace wire = moe::v1;

void WriteStats(const RouteStatistics& routing, wire::GetExpertStatsResponse* response) {
  response->set_num_experts(routing.num_experts());
  response->set_experts_per_token(routing.top_k());
  for (size_t i = 0; i < routing.moe_layers().size(); ++i) {
    wire::LayerExpertStats* layer = response->add_layers();
    layer->set_layer(routing.moe_layers()[i]);
    uint64_t total = 0;
    uint64_t largest = 0;
    for (int32_t expert = 0; expert < routing.num_experts(); ++expert) {
      const uint64_t count = routing.count(i, expert);
      layer->add_counts(count);
      total += count;
      largest = std::max(largest, count);
    }
    if (total == 0) continue;
    layer->set_imbalance(static_cast<double>(largest) * routing.num_experts() / static_cast<double>(total));
  }
}

}  // namespace

grpc::ServerUnaryReactor* ExpertService::GetExpertStats(grpc::CallbackServerContext* context,
                                                        const wire::GetExpertStatsRequest* /*request*/,
                                                        wire::GetExpertStatsResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.moe.v1.ExpertService/GetExpertStats"));
  absl::Status status = call->ticket().admitted();
  const std::shared_ptr<ServedModel> model = gate_.dependencies().state->model();
  if (status.ok() && model == nullptr) status = gate_.ReadyModel().status();
  if (status.ok() && model != nullptr) WriteStats(model->engine->routing(), response);
  call->Complete(status);
  return call;
}

}  // namespace foregate
