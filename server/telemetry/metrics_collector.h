// MetricsCollector: the daemon's state as Prometheus metric families, gathered when it is scraped.
//
// Names are foregate_*; meanings follow vLLM's metrics of the same stem, so that dashboards translate one to one
// (docs/operations.md lists them). Routing is reported by at most kMaxLayerGroups groups of neighbouring layers: a
// series per expert would be thousands; those are behind the expert service.
#ifndef FOREGATE_SERVER_TELEMETRY_METRICS_COLLECTOR_H_
#define FOREGATE_SERVER_TELEMETRY_METRICS_COLLECTOR_H_

#include <cstddef>
#include <vector>

#include "prometheus/collectable.h"
#include "server/lifecycle/serving_state.h"
#include "server/telemetry/call_counter.h"

namespace foregate {

inline constexpr size_t kMaxLayerGroups = 8;

// Thread-safe. `state` and `calls` outlive it.
class MetricsCollector final : public prometheus::Collectable {
 public:
  MetricsCollector(const ServingState* state, const CallCounter* calls) : state_(state), calls_(calls) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const ServingState* const state_;
  const CallCounter* const calls_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_METRICS_COLLECTOR_H_
