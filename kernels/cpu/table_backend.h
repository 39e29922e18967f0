// The CPU backend over a given instruction-set table, for MakeCpuBackend and for tests that bring tables of their own.
#ifndef FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_
#define FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_

#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"
#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

// `isa` outlives the backend, and the machine can execute it; `num_threads` >= 1; `cpus` as in CpuBackendOptions.
// RESOURCE_EXHAUSTED when threads cannot be started, FAILED_PRECONDITION when one cannot be bound to its CPU.
absl::StatusOr<Backend> MakeTableBackend(const IsaTable& isa, int num_threads, const std::vector<int>& cpus = {});

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_
