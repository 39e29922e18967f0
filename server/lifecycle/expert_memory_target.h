// How much memory experts keep while memory around the process runs short or is free again. Pure.
//
//   free memory of the tightest limit, if it goes on falling for two samples as it did in the last
//                                         what happens
//   below half its reserve                the missing bytes are given back, with the first sample
//   below the reserve                     the same, with the second sample in a row
//   below twice the reserve               nothing; a step is given back where tasks keep waiting for memory, the limit
//                                         is met again and again, or a process was killed
//   more, for kCalmSamples                a step is taken again, of what is above twice the reserve
//
// What is given back leaves at least the reserve free, and what is taken leaves twice of it: the experts' own changes
// never cause the next one. The reserve is a share of the limit (memory_reserve.h).
#ifndef FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_TARGET_H_
#define FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_TARGET_H_

#include <cstdint>
#include <span>
#include <string>

#include "server/lifecycle/memory_pressure.h"

namespace foregate {

struct ExpertMemoryBounds {
  uint64_t least_bytes = 0;  // that any model needs
  uint64_t most_bytes = 0;   // as planned at the start
};

struct ExpertMemoryTarget {
  uint64_t bytes = 0;
  // Samples in a row.
  int num_short = 0;
  int num_squeezed = 0;
  int num_calm = 0;
  // Why the last sample changed `bytes`; empty when it did not.
  std::string reason;
};

// Of samples ten times a second.
inline constexpr int kShortSamples = 2;
inline constexpr int kSqueezedSamples = 20;
inline constexpr int kCalmSamples = 300;

// What should stay free of the sample's limit (memory_reserve.h).
uint64_t ReserveOf(const MemorySample& sample);

// `bytes_in_use`: of experts now; it follows the target with a delay, and what is on its way counts as done.
ExpertMemoryTarget NextExpertMemory(const ExpertMemoryTarget& last, std::span<const MemorySample> samples,
                                    uint64_t bytes_in_use, const ExpertMemoryBounds& bounds);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_TARGET_H_
