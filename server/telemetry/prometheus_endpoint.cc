#include "server/telemetry/prometheus_endpoint.h"

#include <exception>
#include <utility>

#include "prometheus/exposer.h"
#include "server/telemetry/metrics_collector.h"

namespace foregate {
namespace {

constexpr size_t kHttpThreads = 2;

class ExposerEndpoint final : public PrometheusEndpoint {
 public:
  ExposerEndpoint(const std::string& address, const ServingState* state, const CallCounter* calls)
      : collector_(std::make_shared<MetricsCollector>(state, calls)), exposer_(WithLiteralHost(address), kHttpThreads) {
    exposer_.RegisterCollectable(collector_);
    const std::vector<int> ports = exposer_.GetListeningPorts();
    address_ = address.substr(0, address.rfind(':') + 1) + std::to_string(ports.empty() ? 0 : ports.front());
  }
  const std::string& address() const override { return address_; }

 private:
  // The HTTP server takes addresses, not names.
  static std::string WithLiteralHost(const std::string& address) {
    return address.starts_with("localhost:") ? "127.0.0.1" + address.substr(9) : address;
  }

  const std::shared_ptr<MetricsCollector> collector_;  // the exposer keeps weak references
  prometheus::Exposer exposer_;
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PrometheusEndpoint>> StartPrometheusEndpoint(const std::string& address,
                                                                            const ServingState* state,
                                                                            const CallCounter* calls) {
  try {
    return std::make_unique<ExposerEndpoint>(address, state, calls);
  } catch (const std::exception& failure) {  // CivetException: the port is taken, or no thread could be started
    return absl::UnavailableError("telemetry.metrics_address: cannot listen on " + address + ": " + failure.what());
  }
}

}  // namespace foregate
