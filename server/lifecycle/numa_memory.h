// On which NUMA nodes the memory of weights and KV is taken: compute.numa.
#ifndef FOREGATE_SERVER_LIFECYCLE_NUMA_MEMORY_H_
#define FOREGATE_SERVER_LIFECYCLE_NUMA_MEMORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

struct NumaPlan {
  std::vector<int> nodes;  // empty: as the system does it
  std::string text;        // one line for the log; empty when compute.numa is none
};

// `numa` as compute.numa says; `compute_cpus` are the CPUs that compute threads may run on. "interleave": all nodes
// with memory; "local": the nodes of these CPUs. On a machine of one node, or one whose nodes cannot be read, the plan
// is empty and its text says so. `root` stands before every path ("" on a real machine).
NumaPlan PlanNumaMemory(const std::string& numa, const std::vector<int>& compute_cpus, const std::string& root);

// Lets pages that the calling thread, and threads that it starts from now on, touch first come from the nodes in turn.
// No-op for an empty plan. FAILED_PRECONDITION saying what a container lacks when the system refuses.
absl::Status TakeMemoryFrom(const NumaPlan& plan);

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_NUMA_MEMORY_H_
