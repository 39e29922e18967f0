#include "kernels/cpu/cpu_backend.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "kernels/api/host_device.h"
#include "kernels/base/bf16_products.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/compute.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa_choice.h"
#include "kernels/cpu/isa_present.h"
#include "kernels/cpu/table_backend.h"

namespace foregate {
namespace {

int NumUsableCores() {
  cpu_set_t set;
  // Fails on machines of more than 1024 cores.
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Kernels without tiles fetch panels while they multiply others (panel_walk.h). With tiles a task's rows, which are
// packed once per task, need all the panels that L2 holds to be worth it (reckoned for 2 MiB, not measured: 25 us of
// packing against 11 to 22 us of products with a quarter of L2).
int64_t PanelBytes(bool has_tiles) {
  if (!has_tiles) return 0;
  const long l2_bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  constexpr int64_t kUnknownL2Bytes = int64_t{256} << 10;
  return l2_bytes > 0 ? l2_bytes : kUnknownL2Bytes;
}

}  // namespace

std::vector<std::string> SupportedIsas() {
  std::vector<std::string> names;
  for (const internal::IsaTable* table : internal::PresentIsaTables()) names.emplace_back(table->name);
  return names;
}

absl::StatusOr<Backend> MakeCpuBackend(const CpuBackendOptions& options) {
  if (options.num_threads < 0 || options.num_threads > kMaxCpuThreads) {
    return absl::InvalidArgumentError("num_threads: " + std::to_string(options.num_threads) + " is not in [0, " +
                                      std::to_string(kMaxCpuThreads) + "]");
  }
  FOREGATE_ASSIGN_OR_RETURN(const internal::IsaTable* isa, internal::ChooseIsaHere(options.isa));
  const int num_threads = options.num_threads == 0 ? std::min(NumUsableCores(), kMaxCpuThreads) : options.num_threads;
  if (!options.cpus.empty() && options.cpus.size() != static_cast<size_t>(num_threads))
    return absl::InvalidArgumentError("cpus: " + std::to_string(options.cpus.size()) + " for " +
                                      std::to_string(num_threads) + " threads");
  return internal::MakeTableBackend(*isa, num_threads, options.cpus);
}

absl::StatusOr<Backend> internal::MakeTableBackend(const IsaTable& isa, int num_threads, const std::vector<int>& cpus) {
  Compute compute;
  compute.isa = &isa;
  FOREGATE_ASSIGN_OR_RETURN(compute.pool, ThreadPool::Create(num_threads, cpus));
  compute.panel_bytes = PanelBytes(isa.bf16_products == Bf16Products::kTiles);
  Backend backend;
  backend.device = MakeHostDevice({.kind = "cpu",
                                   .isa = compute.isa->name,
                                   .numeric_contract = CpuNumericContract(isa.bf16_products),
                                   .num_threads = num_threads});
  backend.kernels = MakeCpuKernels(std::move(compute));
  return backend;
}

}  // namespace foregate
