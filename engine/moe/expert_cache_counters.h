// ExpertCacheCounters: what the expert cache has done since it was made. Written by the engine thread, read by anyone.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_
#define FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_

#include <atomic>
#include <cstdint>

namespace foregate {

struct ExpertCacheCounters {
  // Acquired experts, each once per layer and step however many rows chose it.
  std::atomic<uint64_t> num_hits{0};             // resident
  std::atomic<uint64_t> num_late{0};             // on their way already, prefetched
  std::atomic<uint64_t> num_misses{0};           // absent
  std::atomic<uint64_t> num_prefetched{0};       // fetches that were no demand
  std::atomic<uint64_t> num_prefetched_used{0};  // of these, those that were acquired before they were evicted
  std::atomic<uint64_t> stall_us{0};             // the engine's waits for an expert
  // Bytes of experts that were absent when a layer wanted them, and of guesses: those that came true, those that did
  // not, and those of experts that a guess evicted and that a layer wanted while the guess was still of no use.
  std::atomic<uint64_t> demand_bytes{0};
  std::atomic<uint64_t> guess_used_bytes{0};
  std::atomic<uint64_t> guess_wasted_bytes{0};
  std::atomic<uint64_t> guess_regretted_bytes{0};
  std::atomic<uint64_t> memory_bytes{0};  // of slots that may be used, and have been since they were taken again
  std::atomic<int32_t> guess_level{-1};   // the governor's: -1 nothing is guessed, else the larger the bolder
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_CACHE_COUNTERS_H_
