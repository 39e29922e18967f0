#include "kernels/cpu/probe/cache_sizes.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace foregate {
namespace {

constexpr int kMaxCacheIndex = 16;
constexpr int64_t kMaxCacheBytes = int64_t{1} << 40;

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The whole of `text` as a number that is not negative.
std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<CacheLevel> ReadCache(const std::string& folder) {
  const std::string type = FirstLine(folder + "/type");
  if (type != "Data" && type != "Unified") return std::nullopt;
  const auto level = ParseNumber(FirstLine(folder + "/level"));
  const auto bytes = ParseCacheBytes(FirstLine(folder + "/size"));
  if (!level || !bytes || *level < 1 || *level > kMaxCacheIndex || *bytes == 0) return std::nullopt;
  return CacheLevel{static_cast<int>(*level), *bytes,
                    std::max(1, CountCpuList(FirstLine(folder + "/shared_cpu_list")))};
}

void AddFromLibrary(int level, int name, std::vector<CacheLevel>* caches) {
  const auto known = [level](const CacheLevel& cache) { return cache.level == level; };
  if (std::any_of(caches->begin(), caches->end(), known)) return;
  const long bytes = sysconf(name);
  if (bytes > 0) caches->push_back({level, bytes, 1});
}

}  // namespace

std::optional<int64_t> ParseCacheBytes(std::string_view text) {
  int shift = 0;
  if (!text.empty() && text.back() == 'K') shift = 10;
  if (!text.empty() && text.back() == 'M') shift = 20;
  if (shift != 0) text.remove_suffix(1);
  const auto number = ParseNumber(text);
  if (!number || *number > kMaxCacheBytes >> shift) return std::nullopt;
  return *number << shift;
}

int CountCpuList(std::string_view text) {
  int64_t count = 0;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view range = text.substr(0, comma);
    const size_t dash = range.find('-');
    const auto first = ParseNumber(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : ParseNumber(range.substr(dash + 1));
    constexpr int64_t kMaxCpu = 1 << 20;
    if (!first || !last || *last < *first || *last > kMaxCpu) return 0;
    count += *last - *first + 1;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return static_cast<int>(std::min<int64_t>(count, INT32_MAX));
}

std::vector<CacheLevel> ReadCacheLevels(const std::string& sysfs) {
  std::vector<CacheLevel> caches;
  for (int i = 0; i < kMaxCacheIndex; ++i) {
    if (const auto cache = ReadCache(sysfs + "/index" + std::to_string(i))) caches.push_back(*cache);
  }
  AddFromLibrary(1, _SC_LEVEL1_DCACHE_SIZE, &caches);
  AddFromLibrary(2, _SC_LEVEL2_CACHE_SIZE, &caches);
  AddFromLibrary(3, _SC_LEVEL3_CACHE_SIZE, &caches);
  std::sort(caches.begin(), caches.end(), [](const CacheLevel& a, const CacheLevel& b) { return a.level < b.level; });
  return caches;
}

int64_t WorkingSetBytes(const std::vector<CacheLevel>& caches, int level, int num_threads) {
  int64_t below = 0;
  for (const CacheLevel& cache : caches) {
    if (cache.level > level) break;
    const int64_t share = cache.bytes / std::max(1, std::min(cache.num_sharing, num_threads));
    if (cache.level == level) return share / 2 > below ? share / 2 : 0;
    below = share;
  }
  return 0;
}

int64_t BeyondCachesBytes(const std::vector<CacheLevel>& caches) {
  constexpr int64_t kMin = int64_t{256} << 20, kMax = int64_t{2} << 30;
  return std::clamp(caches.empty() ? kMin : 4 * caches.back().bytes, kMin, kMax);
}

}  // namespace foregate
