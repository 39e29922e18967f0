// Measures this machine: how fast it reads from each level of its memory, and how fast it multiplies.
#ifndef FOREGATE_KERNELS_CPU_PROBE_MACHINE_PROBE_H_
#define FOREGATE_KERNELS_CPU_PROBE_MACHINE_PROBE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/probe/cache_sizes.h"
#include "kernels/cpu/probe/cpu_identity.h"
#include "kernels/cpu/probe/dot_instruction.h"
#include "kernels/cpu/probe/machine_kind.h"

namespace foregate {

// Over the windows of one measurement, per second. `best` is the machine's limit: whatever else runs only ever makes a
// window slower. The others say how quiet the machine was.
struct Rate {
  double best = 0;
  double median = 0;
  double lowest = 0;
};

struct ProbeOptions {
  int num_windows = 5;
  std::chrono::nanoseconds window = std::chrono::milliseconds(40);
};

// Streaming reads by `num_threads` threads, each over memory of its own of `bytes_per_thread` (rounded down to
// kReadUnit, at least one), in huge pages where the system gives them. Keeps its memory, so that it can measure again
// and again beside something else; each measurement goes on where the last one ended. For one thread at a time.
class ReadProbe {
 public:
  // RESOURCE_EXHAUSTED when memory is not to be had.
  static absl::StatusOr<std::unique_ptr<ReadProbe>> Create(const CpuIdentity& cpu, int num_threads,
                                                           int64_t bytes_per_thread);
  ~ReadProbe();
  ReadProbe(const ReadProbe&) = delete;
  ReadProbe& operator=(const ReadProbe&) = delete;

  // RESOURCE_EXHAUSTED when threads are not to be had.
  absl::StatusOr<Rate> Measure(const ProbeOptions& options);

 private:
  struct State;
  explicit ReadProbe(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One measurement of a ReadProbe.
absl::StatusOr<Rate> MeasureRead(const CpuIdentity& cpu, int num_threads, int64_t bytes_per_thread,
                                 const ProbeOptions& options);
// Operations in registers. `instruction` is UsableHere.
absl::StatusOr<Rate> MeasureDot(const DotInstruction& instruction, int num_threads, const ProbeOptions& options);

struct ReadMeasurement {
  int level = 0;  // a cache's level, or 0 for memory
  int num_threads = 0;
  int64_t bytes_per_thread = 0;
  Rate rate;
};
struct DotMeasurement {
  const DotInstruction* instruction = nullptr;
  int num_threads = 0;
  Rate rate;
};

struct MachineProbe {
  CpuIdentity cpu;
  MachineKind kind = MachineKind::kUnknown;
  int num_cpus = 0;  // that this process may use
  std::vector<CacheLevel> caches;
  std::vector<ReadMeasurement> reads;  // by level, then threads; memory last
  std::vector<DotMeasurement> dots;    // by instruction, then threads
};

// 1, 2, 3 up to 8, then powers of two, and `max_threads` itself.
std::vector<int> ThreadCounts(int max_threads);

// Everything, for ThreadCounts(max_threads). Takes 0.2 s per measurement with the default options.
absl::StatusOr<MachineProbe> ProbeMachine(int max_threads, const ProbeOptions& options);

// Names of instructions that are in DotInstructions() but not usable here.
std::vector<std::string> AbsentInstructions(const CpuIdentity& cpu);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_CPU_PROBE_MACHINE_PROBE_H_
