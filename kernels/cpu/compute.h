// What the operations of the CPU backend compute with, and how they split work.
#ifndef FOREGATE_KERNELS_CPU_COMPUTE_H_
#define FOREGATE_KERNELS_CPU_COMPUTE_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/thread_pool.h"

namespace foregate::internal {

// Below this many element operations a wake-up costs more than it gains (about 5 us of work against 1 to 5 us).
inline constexpr int64_t kMinParallelWork = 32768;

// Owned by the kernels; one thread at a time.
struct Compute {
  const IsaTable* isa = nullptr;
  std::unique_ptr<ThreadPool> pool;
  // Bytes of weights that stay in a core's private cache while rows pass over them.
  int64_t panel_bytes = 0;

  // body(i) for i in [0, count), in parallel when `work` element operations in total are worth it. How the work is
  // split never reaches the results.
  template <typename Body>
  void For(int64_t count, int64_t work, const Body& body) const {
    if (work >= kMinParallelWork) {
      pool->ParallelFor(count, body);
    } else {
      for (int64_t i = 0; i < count; ++i) body(i);
    }
  }

  // Outputs (rows of a weight matrix) per panel: bounded by the cache, and small enough that `num_outputs` over
  // `num_parallel` such matrices give every thread a few panels.
  int64_t PanelOutputs(int64_t num_outputs, int64_t bytes_per_output, int64_t num_parallel) const {
    const int64_t wanted_panels = (4 * pool->num_threads() + num_parallel - 1) / num_parallel;
    const int64_t by_balance = (num_outputs + wanted_panels - 1) / wanted_panels;
    const int64_t by_cache = panel_bytes / std::max<int64_t>(1, bytes_per_output);
    // A multiple of every tile's outputs, so that only a matrix's last panel has a remainder.
    return std::max<int64_t>(4, (std::min(by_balance, by_cache) + 3) / 4 * 4);
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_COMPUTE_H_
