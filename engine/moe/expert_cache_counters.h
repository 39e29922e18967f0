// ExpertCacheCounters: what the expert cache has done since it was made. Written by the engine thread, read by anyone.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_
#define FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_

#include <atomic>
#include <cstdint>

namespace foregate {

struct ExpertCacheCounters {
  // Acquired experts, each once per layer and step however many rows chose it.
  std::atomic<uint64_t> num_hits{0};    // resident
  std::atomic<uint64_t> num_late{0};    // on their way already, prefetched
  std::atomic<uint64_t> num_misses{0};  // absent
  std::atomic<uint64_t> num_evictions{0};
  std::atomic<uint64_t> num_prefetched{0};       // fetches that were no demand
  std::atomic<uint64_t> num_prefetched_used{0};  // of these, those that were acquired before they were evicted
  std::atomic<uint64_t> stall_us{0};             // the engine's waits for an expert
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_
