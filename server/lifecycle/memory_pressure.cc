#include "server/lifecycle/memory_pressure.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "server/lifecycle/control_groups.h"
#include "server/lifecycle/memory_limit.h"

namespace foregate {
namespace {

// Lines "name number", with or without a colon behind the name.
std::map<std::string, uint64_t> ReadNumbers(const std::string& path) {
  std::map<std::string, uint64_t> numbers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, number;
    if (!(words >> name >> number)) continue;
    if (name.back() == ':') name.pop_back();
    if (const auto value = ParseNumber(number)) numbers[name] = *value;
  }
  return numbers;
}

uint64_t Find(const std::map<std::string, uint64_t>& numbers, const std::string& name) {
  const auto found = numbers.find(name);
  return found == numbers.end() ? 0 : found->second;
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123".
uint64_t ReadStalledUs(const std::string& path) {
  const std::string line = FirstLine(path);
  const size_t total = line.find("total=");
  if (!line.starts_with("some ") || total == std::string::npos) return 0;
  return ParseNumber(std::string_view(line).substr(total + 6)).value_or(0);
}

// Resident pages of this process: the second number.
uint64_t ReadOwnBytes(const std::string& root) {
  const std::string line = FirstLine(root + "/proc/self/statm");
  const size_t space = line.find(' ');
  if (space == std::string::npos) return 0;
  return ParseNumber(std::string_view(line).substr(space + 1)).value_or(0) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::optional<MemoryDomain> ReadMachine(const std::string& root) {
  const auto meminfo = ReadNumbers(root + kMachineMemoryFile);
  if (!meminfo.contains("MemTotal") || !meminfo.contains("MemAvailable")) return std::nullopt;
  return MemoryDomain{.source = kMachineMemoryFile,
                      .limit_bytes = Find(meminfo, "MemTotal") * 1024,
                      .free_bytes = Find(meminfo, "MemAvailable") * 1024,
                      .stalled_us = ReadStalledUs(root + "/proc/pressure/memory"),
                      .num_hits = 0,
                      .num_kills = Find(ReadNumbers(root + "/proc/vmstat"), "oom_kill")};
}

uint64_t Left(uint64_t limit, uint64_t used, uint64_t droppable) {
  const uint64_t kept = used - std::min(used, droppable);
  return limit - std::min(limit, kept);
}

std::optional<MemoryDomain> ReadVersion1(const std::string& root, const std::string& directory,
                                         const MemoryLimit& limit) {
  const auto used = ParseNumber(FirstLine(root + directory + "/memory.usage_in_bytes"));
  if (!used) return std::nullopt;
  // Of the group and those in it, as usage is.
  const auto stat = ReadNumbers(root + directory + "/memory.stat");
  const uint64_t droppable = Find(stat, "total_inactive_file") + Find(stat, "total_active_file");
  return MemoryDomain{.source = limit.source,
                      .limit_bytes = limit.bytes,
                      .free_bytes = Left(limit.bytes, *used, droppable),
                      .stalled_us = 0,
                      .num_hits = ParseNumber(FirstLine(root + directory + "/memory.failcnt")).value_or(0),
                      .num_kills = Find(ReadNumbers(root + directory + "/memory.oom_control"), "oom_kill")};
}

std::optional<MemoryDomain> ReadVersion2(const std::string& root, const std::string& directory,
                                         const MemoryLimit& limit) {
  const auto used = ParseNumber(FirstLine(root + directory + "/memory.current"));
  if (!used) return std::nullopt;
  const auto stat = ReadNumbers(root + directory + "/memory.stat");
  const uint64_t droppable = Find(stat, "inactive_file") + Find(stat, "active_file") + Find(stat, "slab_reclaimable");
  const auto events = ReadNumbers(root + directory + "/memory.events");
  return MemoryDomain{.source = limit.source,
                      .limit_bytes = limit.bytes,
                      .free_bytes = Left(limit.bytes, *used, droppable),
                      .stalled_us = ReadStalledUs(root + directory + "/memory.pressure"),
                      .num_hits = Find(events, "high") + Find(events, "max"),
                      .num_kills = Find(events, "oom_kill")};
}

// What this process has taken meanwhile, or given back, was planned: slots that are filled, KV that is used first.
int64_t Fallen(const MemoryDomain& before, const MemoryDomain& now) {
  const int64_t fallen = static_cast<int64_t>(before.free_bytes) - static_cast<int64_t>(now.free_bytes);
  return fallen - (static_cast<int64_t>(now.own_bytes) - static_cast<int64_t>(before.own_bytes));
}

}  // namespace

std::vector<MemoryDomain> ReadMemoryDomains(const std::string& root) {
  std::vector<MemoryDomain> domains;
  if (auto machine = ReadMachine(root)) domains.push_back(*std::move(machine));
  const uint64_t machine_bytes = domains.empty() ? UINT64_MAX : domains.front().limit_bytes;
  for (const ControlGroup& group : FindControlGroups(root, "memory")) {
    const std::optional<MemoryLimit> limit = ReadGroupLimit(root, group);
    // Version 1 says "none" with a number that no machine has.
    if (!limit.has_value() || limit->bytes >= machine_bytes) continue;
    auto domain = (group.version == 2 ? ReadVersion2 : ReadVersion1)(root, group.directory, *limit);
    if (domain.has_value()) domains.push_back(*std::move(domain));
  }
  const uint64_t own_bytes = ReadOwnBytes(root);
  for (MemoryDomain& domain : domains) domain.own_bytes = own_bytes;
  return domains;
}

std::vector<MemorySample> CompareDomains(const std::vector<MemoryDomain>& before, const std::vector<MemoryDomain>& now,
                                         std::chrono::microseconds elapsed) {
  std::vector<MemorySample> samples;
  for (const MemoryDomain& domain : now) {
    const auto was = std::find_if(before.begin(), before.end(),
                                  [&](const MemoryDomain& earlier) { return earlier.source == domain.source; });
    if (was == before.end()) continue;
    // A counter that went back is another group's under the same name.
    const uint64_t stalled_us = domain.stalled_us - std::min(domain.stalled_us, was->stalled_us);
    const auto micros = static_cast<double>(std::max<int64_t>(elapsed.count(), 1));
    samples.push_back({.source = domain.source,
                       .limit_bytes = domain.limit_bytes,
                       .free_bytes = domain.free_bytes,
                       .fallen_bytes = Fallen(*was, domain),
                       .stalled_share = std::min(1.0, static_cast<double>(stalled_us) / micros),
                       .met_limit = domain.num_hits > was->num_hits,
                       .has_killed = domain.num_kills > was->num_kills});
  }
  return samples;
}

}  // namespace foregate
