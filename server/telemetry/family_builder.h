// FamilyBuilder: Prometheus metric families, gathered one series after another. Names get the prefix foregate_.
#ifndef FOREGATE_SERVER_TELEMETRY_FAMILY_BUILDER_H_
#define FOREGATE_SERVER_TELEMETRY_FAMILY_BUILDER_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/host/engine_metrics.h"
#include "prometheus/metric_family.h"

namespace foregate {

using MetricLabels = std::vector<prometheus::ClientMetric::Label>;

inline MetricLabels Label(const std::string& name, const std::string& value) { return {{name, value}}; }

// Thread-compatible. Series of one family are added one after another.
class FamilyBuilder {
 public:
  void Gauge(const std::string& name, const std::string& help, double value, MetricLabels labels = {}) {
    prometheus::ClientMetric metric;
    metric.gauge.value = value;
    Add(name, help, prometheus::MetricType::Gauge, std::move(labels), std::move(metric));
  }
  void Counter(const std::string& name, const std::string& help, double value, MetricLabels labels = {}) {
    prometheus::ClientMetric metric;
    metric.counter.value = value;
    Add(name, help, prometheus::MetricType::Counter, std::move(labels), std::move(metric));
  }
  void AddHistogram(const std::string& name, const std::string& help, const Histogram& histogram,
                    MetricLabels labels = {}) {
    prometheus::ClientMetric metric;
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram.bounds().size(); ++i) {
      count += histogram.bucket_count(i);
      const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
      metric.histogram.bucket.push_back({count, bound});
    }
    // From the buckets just read, so that count and buckets agree whatever the engine adds meanwhile.
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = histogram.sum();
    Add(name, help, prometheus::MetricType::Histogram, std::move(labels), std::move(metric));
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  // Series of one family follow each other.
  void Add(const std::string& name, const std::string& help, prometheus::MetricType type, MetricLabels labels,
           prometheus::ClientMetric metric) {
    metric.label = std::move(labels);
    if (families_.empty() || families_.back().name != "foregate_" + name) {
      families_.emplace_back();
      families_.back().name = "foregate_" + name;
      families_.back().help = help;
      families_.back().type = type;
    }
    families_.back().metric.push_back(std::move(metric));
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_FAMILY_BUILDER_H_
