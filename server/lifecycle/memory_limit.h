// How much memory this process may use: the smallest of the machine's and those of every control group around it,
// version 1 and 2. A container's limit often stands on a parent of the process's own group, hence the walk.
#ifndef FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_
#define FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace foregate {

struct MemoryLimit {
  uint64_t bytes = 0;
  std::string source;  // the file that says so
};

// `root` stands before every path ("" on a real machine). NOT_FOUND naming the file when not even the machine's memory
// can be read; unreadable control groups are no limit.
absl::StatusOr<MemoryLimit> FindMemoryLimit(const std::string& root);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_MEMORY_LIMIT_H_
