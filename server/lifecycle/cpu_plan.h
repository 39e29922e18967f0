// Which CPUs compute and which serve: compute.threads and compute.affinity against what the process may use.
#ifndef FOREGATE_SERVER_LIFECYCLE_CPU_PLAN_H_
#define FOREGATE_SERVER_LIFECYCLE_CPU_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

// What the process may use.
struct UsableCpus {
  std::vector<int> cpus;     // ascending
  int limit = 0;             // how many of them at a time: their number, or the smallest quota of the control groups
  std::string limit_source;  // "sched_getaffinity" or the file of the quota
};

// `root` stands before every path ("" on a real machine). A quota counts as whole CPUs, rounded down, at least one: a
// thread more than the quota allows would be stopped in the middle of a step. INTERNAL when the system does not tell.
absl::StatusOr<UsableCpus> FindUsableCpus(const std::string& root);

struct CpuPlan {
  int compute_threads = 1;
  std::vector<int> compute_cpus;  // of each compute thread; empty: not bound
  std::vector<int> serving_cpus;  // for every other thread; empty: not bound
  std::vector<int> usable_cpus;   // all of them, ascending
  std::string limit_text;         // of UsableCpus

  std::string ToString() const;  // one line for the log
};

// `threads` and `affinity` as compute.threads and compute.affinity say. "auto" takes one CPU of each core before it
// takes a core's second ones; the CPUs that are left serve, and when none is left, serving threads run anywhere.
// INVALID_ARGUMENT naming the option when the list has CPUs that the process may not use, or too few for the threads.
absl::StatusOr<CpuPlan> PlanCpus(int threads, const std::string& affinity, const UsableCpus& usable,
                                 const std::string& root);

// Lets the calling thread, and threads that it starts from now on, run on these CPUs only. No-op for an empty list.
// FAILED_PRECONDITION when the system refuses.
absl::Status RunOnCpus(const std::vector<int>& cpus);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_CPU_PLAN_H_
