#include "server/lifecycle/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

std::optional<uint64_t> ReadMachineBytes(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, number;
    if (!(words >> name >> number) || name != "MemTotal:") continue;
    const auto kibibytes = ParseNumber(number);
    if (kibibytes) return *kibibytes * 1024;
  }
  return std::nullopt;
}

}  // namespace

std::optional<MemoryLimit> ReadGroupLimit(const std::string& root, const ControlGroup& group) {
  std::optional<MemoryLimit> limit;
  const auto take_smaller = [&](const std::string& path) {
    const std::optional<uint64_t> bytes = ParseNumber(FirstLine(root + path));  // "max" is no limit
    if (bytes && (!limit || *bytes < limit->bytes)) limit = MemoryLimit{*bytes, path};
  };
  if (group.version == 1) {
    take_smaller(group.directory + "/memory.limit_in_bytes");
    return limit;
  }
  take_smaller(group.directory + "/memory.max");
  take_smaller(group.directory + "/memory.high");
  return limit;
}

absl::StatusOr<MemoryLimit> FindMemoryLimit(const std::string& root) {
  const std::string meminfo = kMachineMemoryFile;
  const std::optional<uint64_t> machine_bytes = ReadMachineBytes(root + meminfo);
  if (!machine_bytes)
    return absl::NotFoundError(root + meminfo + " has no MemTotal; say with --memory how much may be used");
  const uint64_t kept_free = std::min(*machine_bytes / 2, 2 * MachineReserveBytes(*machine_bytes));
  MemoryLimit limit{*machine_bytes - kept_free, meminfo};
  for (const ControlGroup& group : FindControlGroups(root, "memory")) {
    const std::optional<MemoryLimit> of_group = ReadGroupLimit(root, group);
    if (of_group && of_group->bytes < limit.bytes) limit = *of_group;
  }
  return limit;
}

}  // namespace foregate
