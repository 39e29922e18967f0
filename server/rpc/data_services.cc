#include "server/rpc/data_services.h"

#include "server/rpc/discovery_service.h"
#include "server/rpc/expert_service.h"
#include "server/rpc/inference_service.h"

namespace foregate {

DataServices::DataServices() = default;
DataServices::DataServices(DataServices&&) noexcept = default;
DataServices& DataServices::operator=(DataServices&&) noexcept = default;
DataServices::~DataServices() = default;

DataServices MakeDataServices(const RpcDependencies& dependencies) {
  DataServices data;
  data.services.push_back(std::make_unique<InferenceService>(dependencies));
  data.services.push_back(std::make_unique<DiscoveryService>(dependencies));
  data.services.push_back(std::make_unique<ExpertService>(dependencies));
  return data;
}

}  // namespace foregate
