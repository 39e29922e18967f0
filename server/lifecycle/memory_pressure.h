// What the kernel says of memory around this process: of the machine, and of every control group, version 1 and 2, that
// limits it.
#ifndef FOREGATE_SERVER_LIFECYCLE_MEMORY_PRESSURE_H_
#define FOREGATE_SERVER_LIFECYCLE_MEMORY_PRESSURE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace foregate {

// One limit, as the kernel's files say at one moment. Counters are since ever.
struct MemoryDomain {
  std::string source;  // the file that sets the limit
  uint64_t limit_bytes = 0;
  // What is not used, or only caches files and can be dropped at once.
  uint64_t free_bytes = 0;
  uint64_t stalled_us = 0;  // in which some task waited for memory (PSI); 0 where the kernel does not count it
  uint64_t num_hits = 0;    // how often the limit was met: version 2's "max" and "high", version 1's failcnt
  uint64_t num_kills = 0;   // processes killed for memory
  uint64_t own_bytes = 0;   // that this process keeps in memory; 0 where unknown
};

// `root` stands before every path ("" on a real machine). The machine first, then groups from the innermost outward;
// what cannot be read is left out, a group without a limit as well. Files in /proc and /sys: takes some 0.2 ms.
std::vector<MemoryDomain> ReadMemoryDomains(const std::string& root);

// What happened to one limit between two moments.
struct MemorySample {
  std::string source;
  uint64_t limit_bytes = 0;
  uint64_t free_bytes = 0;   // now
  int64_t fallen_bytes = 0;  // by which others made it fall; negative when it rose
  double stalled_share = 0;  // of the time between, in which some task waited for memory
  bool met_limit = false;
  bool has_killed = false;
};

// Of the domains that are in both. Pure.
std::vector<MemorySample> CompareDomains(const std::vector<MemoryDomain>& before, const std::vector<MemoryDomain>& now,
                                         std::chrono::microseconds elapsed);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MEMORY_PRESSURE_H_
