// How much memory this process may use: the smallest of what the machine has to give and the limits of every control
// group around it, version 1 and 2. A container's limit often stands on a parent of the process's own group, hence the
// walk.
#ifndef FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_
#define FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/lifecycle/control_groups.h"

namespace foregate {

struct MemoryLimit {
  uint64_t bytes = 0;
  std::string source;  // the file that says so
};

inline constexpr const char* kMachineMemoryFile = "/proc/meminfo";

// Of one group alone: version 1's limit, and the smaller of version 2's "max" and "high", above which everything in the
// group is slowed down. Absent when it has none.
std::optional<MemoryLimit> ReadGroupLimit(const std::string& root, const ControlGroup& group);

// Of a machine without groups its memory less twice what should stay free of it (MachineReserveBytes), half of it at
// most. `root` stands before every path ("" on a real machine). NOT_FOUND naming the file when not even the machine's
// memory can be read; unreadable control groups are no limit.
absl::StatusOr<MemoryLimit> FindMemoryLimit(const std::string& root);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_
