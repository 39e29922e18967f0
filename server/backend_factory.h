// The one place in the product that names backends.
#ifndef FOREGATE_SERVER_BACKEND_FACTORY_H_
#define FOREGATE_SERVER_BACKEND_FACTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"

namespace foregate {

// `isa` as compute.isa says: "" is the machine's best. `num_threads` 0: one per CPU of the affinity mask. `cpus`: of
// each compute thread, or empty. INVALID_ARGUMENT naming the value when the machine lacks the instruction set.
absl::StatusOr<Backend> MakeBackend(const std::string& isa, int num_threads, const std::vector<int>& cpus = {});

}  // namespace foregate

#endif  // FOREGATE_SERVER_BACKEND_FACTORY_H_
