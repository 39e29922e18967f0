#include "server/backend_factory.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/ref/ref_backend.h"

namespace foregate {

absl::StatusOr<Backend> MakeBackend(const std::string& isa, int num_threads, const std::vector<int>& cpus) {
  if (isa == "scalar") return MakeRefBackend();
  CpuBackendOptions options;
  options.num_threads = num_threads;
  options.isa = isa;
  options.cpus = cpus;
  return MakeCpuBackend(options);
}

}  // namespace foregate
