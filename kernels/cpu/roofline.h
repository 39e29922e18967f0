// The machine's measured limits, which every benchmark of kernels states its fraction of.
#ifndef FOREGATE_KERNELS_CPU_ROOFLINE_H_
#define FOREGATE_KERNELS_CPU_ROOFLINE_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace foregate {

struct Roofline {
  double read_bytes_per_second = 0;  // streaming reads from memory
  double f32_flops = 0;              // fused multiply-adds in registers, counted as two operations each
};

// Measures with `num_threads` threads for about 0.2 s. Reads `buffer_bytes` (of memory that it allocates) per pass:
// several times the last-level cache, or a cache's bandwidth is what comes out. `num_threads` as in CpuBackendOptions,
// but at least 1. RESOURCE_EXHAUSTED when memory or threads are not to be had.
absl::StatusOr<Roofline> MeasureRoofline(int num_threads, int64_t buffer_bytes);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_ROOFLINE_H_
