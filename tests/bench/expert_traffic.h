// What an expert tier did between two moments, for benches.
#ifndef FOREGATE_TESTS_BENCH_EXPERT_TRAFFIC_H_
#define FOREGATE_TESTS_BENCH_EXPERT_TRAFFIC_H_

#include "engine/moe/expert_tier.h"

namespace foregate {

struct ExpertTraffic {
  double wanted = 0;  // experts, each once per layer and step
  double absent = 0;
  double read_bytes = 0;
  double stall_seconds = 0;

  void Add(const ExpertTraffic& other, double sign = 1) {
    wanted += sign * other.wanted;
    absent += sign * other.absent;
    read_bytes += sign * other.read_bytes;
    stall_seconds += sign * other.stall_seconds;
  }
};

// Nothing where no expert is read.
inline ExpertTraffic TrafficSoFar(const ExpertTier& tier) {
  ExpertTraffic traffic;
  if (tier.cache == nullptr || tier.store == nullptr) return traffic;
  traffic.absent = static_cast<double>(tier.cache->num_misses);
  traffic.wanted = traffic.absent + static_cast<double>(tier.cache->num_hits + tier.cache->num_late);
  for (const auto& bytes : tier.store->bytes_read) traffic.read_bytes += static_cast<double>(bytes);
  traffic.stall_seconds = static_cast<double>(tier.cache->stall_us) / 1e6;
  return traffic;
}

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_EXPERT_TRAFFIC_H_
