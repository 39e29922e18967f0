// PrometheusEndpoint: /metrics over plain HTTP.
#ifndef FOREGATE_SERVER_TELEMETRY_PROMETHEUS_ENDPOINT_H_
#define FOREGATE_SERVER_TELEMETRY_PROMETHEUS_ENDPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/lifecycle/serving_state.h"
#include "server/telemetry/call_counter.h"

namespace foregate {

// Serves until destroyed.
class PrometheusEndpoint {
 public:
  virtual ~PrometheusEndpoint() = default;
  virtual const std::string& address() const = 0;  // with the real port
};

// UNAVAILABLE naming `address` when it cannot be listened on. `state` and `calls` outlive the endpoint.
absl::StatusOr<std::unique_ptr<PrometheusEndpoint>> StartPrometheusEndpoint(const std::string& address,
                                                                            const ServingState* state,
                                                                            const CallCounter* calls);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_PROMETHEUS_ENDPOINT_H_
