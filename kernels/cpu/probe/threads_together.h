// Threads that do the same at the same time, so that a rate of all of them together can be measured.
#ifndef FOREGATE_KERNELS_CPU_PROBE_THREADS_TOGETHER_H_
#define FOREGATE_KERNELS_CPU_PROBE_THREADS_TOGETHER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate {

// CPUs that this process may run on, ascending; never empty.
std::vector<int> UsableCpus();

struct TogetherOptions {
  int num_threads = 1;
  int num_windows = 5;
  std::chrono::nanoseconds window = std::chrono::milliseconds(40);
};

// Starts `num_threads` threads, each on a CPU of its own while there are enough. Each calls prepare(thread) once (which
// is where it touches its memory, so that the memory lies near it). Then, all of them in each window from a common
// start until the window's end, work(thread) over and over, which does a little and says how much that was. Returns one
// rate per window: the threads' amounts per second, added. RESOURCE_EXHAUSTED when a thread cannot be started.
absl::StatusOr<std::vector<double>> RatesTogether(const TogetherOptions& options,
                                                  const std::function<void(int thread)>& prepare,
                                                  const std::function<double(int thread)>& work);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_THREADS_TOGETHER_H_
