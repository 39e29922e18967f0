#include "server/lifecycle/memory_limit.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace foregate {
namespace {

std::vector<std::string> SplitWords(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest == text.data()) return std::nullopt;
  return value;
}

// The first line of a control group's file; "max" is no limit.
std::optional<uint64_t> ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return ParseNumber(line);
}

bool HasMemoryController(std::string_view options) {
  for (size_t begin = 0; begin <= options.size();) {
    const size_t end = std::min(options.find(',', begin), options.size());
    if (options.substr(begin, end - begin) == "memory") return true;
    begin = end + 1;
  }
  return false;
}

// The process's group below the hierarchy's mount, "/a/b" or "". `version` 2 is the line "0::PATH", 1 "N:memory:PATH".
std::string GroupOfProcess(const std::string& root, int version) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (version == 2 ? controllers.empty() : HasMemoryController(controllers)) return line.substr(second + 1);
  }
  return "";
}

void LowerTo(const std::optional<uint64_t>& bytes, const std::string& source, MemoryLimit* limit) {
  if (bytes && *bytes < limit->bytes) *limit = {*bytes, source};
}

// Walks from the process's group up to the mount's root.
void ApplyGroups(const std::string& root, const std::string& mount_point, const std::string& mount_root, int version,
                 MemoryLimit* limit) {
  const char* const file_name = version == 2 ? "/memory.max" : "/memory.limit_in_bytes";
  std::string group = GroupOfProcess(root, version);
  // A mount may show only a part of the hierarchy; the group is then named from the hierarchy's own root.
  if (mount_root != "/" && group.starts_with(mount_root)) group.erase(0, mount_root.size());
  // A group outside of this namespace cannot be seen from here.
  if (group.find("..") != std::string::npos) group.clear();
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    const std::string path = mount_point + group + file_name;
    LowerTo(ReadLimit(root + path), path, limit);
    if (group.empty()) return;
    group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

std::optional<uint64_t> ReadMachineBytes(const std::string& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = SplitWords(line);
    if (words.size() < 2 || words[0] != "MemTotal:") continue;
    const auto kibibytes = ParseNumber(words[1]);
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
  // mountinfo: id parent major:minor root mount_point options [tags...] - type source super_options
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    const std::vector<std::string> mount = SplitWords(line.substr(0, separator));
    const std::vector<std::string> system = SplitWords(line.substr(separator + 3));
    if (mount.size() < 5 || system.size() < 3) continue;
    if (system[0] == "cgroup2") ApplyGroups(root, mount[4], mount[3], 2, &limit);
    if (system[0] == "cgroup" && HasMemoryController(system[2])) ApplyGroups(root, mount[4], mount[3], 1, &limit);
  }
  return limit;
}

}  // namespace foregate
