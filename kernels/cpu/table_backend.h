// The CPU backend over a given instruction-set table, for MakeCpuBackend and for tests that bring tables of their own.
#ifndef FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_
#define FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"
#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

// `isa` outlives the backend, and the machine can execute it; `num_threads` >= 1. RESOURCE_EXHAUSTED when threads
// cannot be started.
absl::StatusOr<Backend> MakeTableBackend(const IsaTable& isa, int num_threads);

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_TABLE_BACKEND_H_
