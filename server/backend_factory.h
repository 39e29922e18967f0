// The one place in the product that names backends.
#ifndef FOREGATE_SERVER_BACKEND_FACTORY_H_
#define FOREGATE_SERVER_BACKEND_FACTORY_H_

#include <string>

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"

namespace foregate {

// `isa` and `num_threads` as compute.isa and compute.threads say: "" is the machine's best, 0 one thread per core.
// INVALID_ARGUMENT naming the value when the machine lacks the instruction set.
absl::StatusOr<Backend> MakeBackend(const std::string& isa, int num_threads);

}  // namespace foregate

#endif  // FOREGATE_SERVER_BACKEND_FACTORY_H_
