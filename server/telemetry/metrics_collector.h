// MetricsCollector: the daemon's state as Prometheus metric families, gathered when it is scraped.
//
// Names are foregate_*; meanings follow vLLM's metrics of the same stem, so that dashboards translate one to one
// (docs/operations.md lists them).
#ifndef FOREGATE_SERVER_TELEMETRY_METRICS_COLLECTOR_H_
#define FOREGATE_SERVER_TELEMETRY_METRICS_COLLECTOR_H_

#include <vector>

#include "prometheus/collectable.h"
#include "server/lifecycle/serving_state.h"
#include "server/telemetry/call_counter.h"

namespace foregate {

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
