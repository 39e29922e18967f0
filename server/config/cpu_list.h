// Lists of CPUs (or NUMA nodes) as the kernel and compute.affinity write them: "0-3,8".
#ifndef FOREGATE_SERVER_CONFIG_CPU_LIST_H_
#define FOREGATE_SERVER_CONFIG_CPU_LIST_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

// The numbers in the order of the text, each once. INVALID_ARGUMENT naming the part that is no number, no range, above
// 4095, or comes twice; also for an empty text.
absl::StatusOr<std::vector<int>> ParseCpuList(std::string_view text);

// The shortest text for ascending numbers; other orders come out number by number.
std::string PrintCpuList(const std::vector<int>& cpus);

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_CPU_LIST_H_
