// The control groups around this process, version 1 and 2: its own and every parent, since a container's limit often
// stands on a parent.
#ifndef FOREGATE_SERVER_LIFECYCLE_CONTROL_GROUPS_H_
#define FOREGATE_SERVER_LIFECYCLE_CONTROL_GROUPS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foregate {

struct ControlGroup {
  std::string directory;  // "/sys/fs/cgroup/pod", to be put behind the root
  int version = 2;
};

// The groups of `controller` ("memory", "cpu"), innermost first. `root` stands before every path ("" on a real
// machine). Empty when nothing is mounted or readable.
std::vector<ControlGroup> FindControlGroups(const std::string& root, std::string_view controller);

// The first line of `path`; empty when there is none.
std::string FirstLine(const std::string& path);
// The number that `text` begins with, as the kernel's files write them. None for "max" and for nonsense.
std::optional<uint64_t> ParseNumber(std::string_view text);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_CONTROL_GROUPS_H_
