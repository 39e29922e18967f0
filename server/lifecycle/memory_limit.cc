#include "server/lifecycle/memory_limit.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "server/lifecycle/control_groups.h"

namespace foregate {
namespace {

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest == text.data()) return std::nullopt;
  return value;
}

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

absl::StatusOr<MemoryLimit> FindMemoryLimit(const std::string& root) {
  const std::string meminfo = "/proc/meminfo";
  const std::optional<uint64_t> machine_bytes = ReadMachineBytes(root + meminfo);
  if (!machine_bytes)
    return absl::NotFoundError(root + meminfo + " has no MemTotal; say with --memory how much may be used");
  MemoryLimit limit{*machine_bytes, meminfo};
  for (const ControlGroup& group : FindControlGroups(root, "memory")) {
    const std::string path = group.directory + (group.version == 2 ? "/memory.max" : "/memory.limit_in_bytes");
    const std::optional<uint64_t> bytes = ParseNumber(FirstLine(root + path));  // "max" is no limit
    if (bytes && *bytes < limit.bytes) limit = {*bytes, path};
  }
  return limit;
}

}  // namespace foregate
