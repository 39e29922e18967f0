#include "server/lifecycle/numa_memory.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "server/config/cpu_list.h"
#include "server/lifecycle/control_groups.h"

namespace foregate {
namespace {

constexpr char kNodes[] = "/sys/devices/system/node/";
constexpr int kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;

std::vector<int> ReadList(const std::string& path) {
  const absl::StatusOr<std::vector<int>> list = ParseCpuList(FirstLine(path));
  return list.ok() ? *list : std::vector<int>();
}

bool HasAny(const std::vector<int>& cpus, const std::vector<int>& wanted) {
  return std::any_of(cpus.begin(), cpus.end(),
                     [&](int cpu) { return std::find(wanted.begin(), wanted.end(), cpu) != wanted.end(); });
}

}  // namespace

NumaPlan PlanNumaMemory(const std::string& numa, const std::vector<int>& compute_cpus, const std::string& root) {
  NumaPlan plan;
  if (numa == "none") return plan;
  std::vector<int> nodes = ReadList(root + kNodes + "has_memory");
  if (nodes.size() <= 1) {
    plan.text = "compute.numa: " + numa + " changes nothing, the machine has one node";
    return plan;
  }
  if (numa == "local") {
    std::erase_if(nodes, [&](int node) {
      return !HasAny(ReadList(root + kNodes + "node" + std::to_string(node) + "/cpulist"), compute_cpus);
    });
  }
  plan.nodes = nodes;
  plan.text = "compute.numa: weights and KV on nodes " + PrintCpuList(nodes) + (nodes.size() > 1 ? " in turn" : "");
  return plan;
}

absl::Status TakeMemoryFrom(const NumaPlan& plan) {
  if (plan.nodes.empty()) return absl::OkStatus();
  const auto num_bits = static_cast<size_t>(*std::max_element(plan.nodes.begin(), plan.nodes.end())) + 1;
  std::vector<unsigned long> mask((num_bits + kBitsPerWord - 1) / kBitsPerWord);
  for (const int node : plan.nodes) mask[static_cast<size_t>(node / kBitsPerWord)] |= 1ul << (node % kBitsPerWord);
  // One node is preferred, not bound to: when it is full, memory elsewhere is better than none.
  const int mode = plan.nodes.size() == 1 ? MPOL_PREFERRED : MPOL_INTERLEAVE;
  // The kernel reads one bit less than it is told.
  if (syscall(SYS_set_mempolicy, mode, mask.data(), mask.size() * kBitsPerWord + 1) == 0) return absl::OkStatus();
  const std::string hint = errno == EPERM    ? "; a container needs the capability SYS_NICE or a seccomp profile for it"
                           : errno == ENOSYS ? "; the kernel has no NUMA support"
                                             : "";
  return absl::FailedPreconditionError("compute.numa: set_mempolicy for nodes " + PrintCpuList(plan.nodes) + ": " +
                                       std::strerror(errno) + hint);
}

}  // namespace foregate
