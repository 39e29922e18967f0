// The CPU backend: the written arithmetic on all cores, with the widest instruction set the machine has.
#ifndef FOREGATE_KERNELS_CPU_CPU_BACKEND_H_
#define FOREGATE_KERNELS_CPU_CPU_BACKEND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct CpuBackendOptions {
  int num_threads = 0;  // 0: as many as the process may use cores (sched_getaffinity)
  std::string isa;      // empty: the fastest of SupportedIsas() on this processor
  // The CPU that each compute thread is bound to, the calling one (with its first operation) first. Empty: none is.
  std::vector<int> cpus = {};
};

// Largest num_threads accepted.
inline constexpr int kMaxCpuThreads = 1024;

// The instruction-set paths that this machine can execute, worst first: "portable", then "avx2", "avx512",
// "avx512vnni", "avx512bf16", "amx".
std::vector<std::string> SupportedIsas();

// The path proves itself first, in about 1 ms, by the bits of some products; by default one that fails is passed over
// with a line on stderr. INVALID_ARGUMENT naming the field when an option is out of range or the instruction set asked
// for is not there or fails; RESOURCE_EXHAUSTED when threads cannot be started, FAILED_PRECONDITION when one cannot be
// bound to its CPU. The kernels are for one thread at a time.
absl::StatusOr<Backend> MakeCpuBackend(const CpuBackendOptions& options);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_CPU_BACKEND_H_
