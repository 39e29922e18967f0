#include "server/lifecycle/cpu_plan.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <sstream>

#include "kernels/base/status_macros.h"
#include "server/config/cpu_list.h"
#include "server/lifecycle/control_groups.h"

namespace foregate {
namespace {

// As many CPUs as the largest list may name; machines of more than 1024 need more than one cpu_set_t.
constexpr size_t kMaxCpus = 4096;

constexpr int kMaxThreads = 1024;  // of compute.threads

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, FreeCpuSet>;

// CPUs per period of a group's quota; 0 when it has none.
double QuotaOf(const std::string& root, const ControlGroup& group, std::string* source) {
  double quota = 0;
  double period = 0;
  if (group.version == 2) {
    *source = group.directory + "/cpu.max";  // "max 100000" or "150000 100000"
    std::istringstream(FirstLine(root + *source)) >> quota >> period;
  } else {
    *source = group.directory + "/cpu.cfs_quota_us";  // -1: none
    std::istringstream(FirstLine(root + *source)) >> quota;
    std::istringstream(FirstLine(root + group.directory + "/cpu.cfs_period_us")) >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

// One CPU of each core first, then the second ones, and so on.
std::vector<int> CoresFirst(const std::vector<int>& cpus, const std::string& root) {
  std::vector<int> order;
  std::vector<int> rest = cpus;
  while (!rest.empty()) {
    std::set<std::string> cores;
    std::vector<int> later;
    for (const int cpu : rest) {
      std::string core =
          FirstLine(root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
      if (core.empty()) core = "cpu " + std::to_string(cpu);
      (cores.insert(core).second ? order : later).push_back(cpu);
    }
    rest = std::move(later);
  }
  return order;
}

absl::StatusOr<std::vector<int>> ListedCpus(const std::string& affinity, const UsableCpus& usable) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<int> cpus, ParseCpuList(affinity));
  for (const int cpu : cpus) {
    if (!std::binary_search(usable.cpus.begin(), usable.cpus.end(), cpu))
      return absl::InvalidArgumentError("compute.affinity: the process may not use CPU " + std::to_string(cpu) +
                                        ", only " + PrintCpuList(usable.cpus));
  }
  return cpus;
}

}  // namespace

absl::StatusOr<UsableCpus> FindUsableCpus(const std::string& root) {
  const CpuSet set(CPU_ALLOC(kMaxCpus));
  if (set == nullptr || sched_getaffinity(0, CPU_ALLOC_SIZE(kMaxCpus), set.get()) != 0)
    return absl::InternalError("sched_getaffinity: " + std::string(std::strerror(errno)));
  UsableCpus usable;
  for (size_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(kMaxCpus), set.get())) usable.cpus.push_back(static_cast<int>(cpu));
  }
  usable.limit = static_cast<int>(usable.cpus.size());
  usable.limit_source = "sched_getaffinity";
  for (const ControlGroup& group : FindControlGroups(root, "cpu")) {
    std::string source;
    const double quota = QuotaOf(root, group, &source);
    if (quota <= 0 || quota >= usable.limit) continue;
    usable.limit = std::max(1, static_cast<int>(quota));
    usable.limit_source = source;
  }
  return usable;
}

absl::StatusOr<CpuPlan> PlanCpus(int threads, const std::string& affinity, const UsableCpus& usable,
                                 const std::string& root) {
  CpuPlan plan;
  plan.limit_text = std::to_string(usable.limit) + " usable (" + usable.limit_source + ")";
  plan.usable_cpus = usable.cpus;
  plan.compute_threads = threads > 0 ? threads : std::min(usable.limit, kMaxThreads);
  if (affinity == "none") return plan;
  std::vector<int> cpus;
  if (affinity == "auto") {
    cpus = CoresFirst(usable.cpus, root);
  } else {
    FOREGATE_ASSIGN_OR_RETURN(cpus, ListedCpus(affinity, usable));
    if (threads == 0) plan.compute_threads = static_cast<int>(cpus.size());
  }
  const auto num_threads = static_cast<size_t>(plan.compute_threads);
  if (num_threads > cpus.size())
    return absl::InvalidArgumentError("compute.affinity: " + affinity + " gives " + std::to_string(cpus.size()) +
                                      " CPUs to " + std::to_string(num_threads) + " compute threads");
  cpus.resize(num_threads);
  plan.compute_cpus = cpus;
  for (const int cpu : usable.cpus) {
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) plan.serving_cpus.push_back(cpu);
  }
  return plan;
}

std::string CpuPlan::ToString() const {
  std::string text = "CPUs: " + limit_text + "; " + std::to_string(compute_threads) + " compute threads";
  if (compute_cpus.empty()) return text + ", not bound; the other threads share their CPUs";
  text += " on CPUs " + PrintCpuList(compute_cpus) + "; the other threads ";
  return text + (serving_cpus.empty() ? "share them" : "on CPUs " + PrintCpuList(serving_cpus));
}

absl::Status RunOnCpus(const std::vector<int>& cpus) {
  if (cpus.empty()) return absl::OkStatus();
  const CpuSet set(CPU_ALLOC(kMaxCpus));
  if (set == nullptr) return absl::ResourceExhaustedError("no memory for a set of CPUs");
  CPU_ZERO_S(CPU_ALLOC_SIZE(kMaxCpus), set.get());
  for (const int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), CPU_ALLOC_SIZE(kMaxCpus), set.get());
  if (sched_setaffinity(0, CPU_ALLOC_SIZE(kMaxCpus), set.get()) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("compute.affinity: the system does not let a thread run on CPUs " +
                                       PrintCpuList(cpus) + ": " + std::strerror(errno));
}

}  // namespace foregate
