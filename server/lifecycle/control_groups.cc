#include "server/lifecycle/control_groups.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace foregate {
namespace {

std::vector<std::string> SplitWords(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// Whether "rw,cpu,cpuacct" names the controller.
bool Names(std::string_view options, std::string_view controller) {
  for (size_t begin = 0; begin <= options.size();) {
    const size_t end = std::min(options.find(',', begin), options.size());
    if (options.substr(begin, end - begin) == controller) return true;
    begin = end + 1;
  }
  return false;
}

// The process's group below the hierarchy's mount, "/a/b" or "". `version` 2 is the line "0::PATH", 1
// "N:controllers:PATH".
std::string GroupOfProcess(const std::string& root, std::string_view controller, int version) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (version == 2 ? controllers.empty() : Names(controllers, controller)) return line.substr(second + 1);
  }
  return "";
}

// Walks from the process's group up to the mount's root.
void AddGroups(const std::string& mount_point, const std::string& mount_root, std::string group, int version,
               std::vector<ControlGroup>* groups) {
  // A mount may show only a part of the hierarchy; the group is then named from the hierarchy's own root.
  if (mount_root != "/" && group.starts_with(mount_root)) group.erase(0, mount_root.size());
  // A group outside of this namespace cannot be seen from here.
  if (group.find("..") != std::string::npos) group.clear();
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    groups->push_back({mount_point + group, version});
    if (group.empty()) return;
    group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::vector<ControlGroup> FindControlGroups(const std::string& root, std::string_view controller) {
  std::vector<ControlGroup> groups;
  // mountinfo: id parent major:minor root mount_point options [tags...] - type source super_options
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    const std::vector<std::string> mount = SplitWords(line.substr(0, separator));
    const std::vector<std::string> system = SplitWords(line.substr(separator + 3));
    if (mount.size() < 5 || system.size() < 3) continue;
    const int version = system[0] == "cgroup2" ? 2 : system[0] == "cgroup" && Names(system[2], controller) ? 1 : 0;
    if (version != 0) AddGroups(mount[4], mount[3], GroupOfProcess(root, controller, version), version, &groups);
  }
  return groups;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest == text.data()) return std::nullopt;
  return value;
}

}  // namespace foregate
