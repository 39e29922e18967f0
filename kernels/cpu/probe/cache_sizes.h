// The data caches of this machine, asked from the operating system.
#ifndef FOREGATE_KERNELS_CPU_PROBE_CACHE_SIZES_H_
#define FOREGATE_KERNELS_CPU_PROBE_CACHE_SIZES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

struct CacheLevel {
  int level = 0;        // 1, 2, 3
  int64_t bytes = 0;    // of one such cache
  int num_sharing = 1;  // CPUs that share it
};

// "32K", "16384K", "2M", "1048576" as the system writes them; none for anything else.
std::optional<int64_t> ParseCacheBytes(std::string_view text);
// How many CPUs a list such as "0-3,8" names; 0 when it is malformed.
int CountCpuList(std::string_view text);

// The first CPU's data and unified caches in ascending level. `sysfs` is the folder of one CPU's caches, as
// /sys/devices/system/cpu/cpu0/cache; what it does not tell is asked of the C library, which knows no sharing. Levels
// that neither knows are missing.
std::vector<CacheLevel> ReadCacheLevels(const std::string& sysfs = "/sys/devices/system/cpu/cpu0/cache");

// Bytes per thread that exercise `level` (1 to the number of levels) with `num_threads` threads on CPUs of their own:
// half of the thread's share, so that nothing else in the cache matters; 0 when that would fit the level below.
int64_t WorkingSetBytes(const std::vector<CacheLevel>& caches, int level, int num_threads);
// Bytes of all threads together that no cache holds a part of worth mentioning: four times the last level, at least
// 256 MiB, at most 2 GiB.
int64_t BeyondCachesBytes(const std::vector<CacheLevel>& caches);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_CACHE_SIZES_H_
