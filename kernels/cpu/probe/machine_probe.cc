#include "kernels/cpu/probe/machine_probe.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>

#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/probe/threads_together.h"

namespace foregate {
namespace {

Rate Summarize(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2], rates.front()};
}

TogetherOptions Together(int num_threads, const ProbeOptions& options) {
  return {.num_threads = num_threads, .num_windows = options.num_windows, .window = options.window};
}

// Where one thread reads next; on a cache line of its own.
struct alignas(64) Cursor {
  char* begin = nullptr;
  int64_t next = 0;
  uint64_t sum = 0;
};

}  // namespace

struct ReadProbe::State {
  int64_t bytes = 0;  // of each thread
  ReadLoopFunction read = nullptr;
  std::unique_ptr<DeviceBuffer> buffer;
  std::vector<Cursor> cursors;
  bool touched = false;
};

ReadProbe::ReadProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReadProbe::~ReadProbe() = default;

absl::StatusOr<std::unique_ptr<ReadProbe>> ReadProbe::Create(const CpuIdentity& cpu, int num_threads,
                                                             int64_t bytes_per_thread) {
  FOREGATE_CHECK_GE(num_threads, 1);
  auto state = std::make_unique<State>();
  state->bytes = std::max(bytes_per_thread / kReadUnit, int64_t{1}) * kReadUnit;
  state->read = WidestRead(cpu);
  if (state->bytes > INT64_MAX / num_threads)
    return absl::ResourceExhaustedError("more bytes to read than can be addressed");
  FOREGATE_ASSIGN_OR_RETURN(state->buffer, AllocateHostMemory(static_cast<size_t>(state->bytes * num_threads)));
  state->cursors.resize(static_cast<size_t>(num_threads));
  char* begin = static_cast<char*>(state->buffer->data());
  for (Cursor& cursor : state->cursors) {
    cursor.begin = begin;
    begin += state->bytes;
  }
  return std::unique_ptr<ReadProbe>(new ReadProbe(std::move(state)));
}

absl::StatusOr<Rate> ReadProbe::Measure(const ProbeOptions& options) {
  State& state = *state_;
  // A clock is read after so much work: little enough to end a window in time, enough that the clock costs nothing.
  constexpr int64_t kBytesPerCall = int64_t{4} << 20;
  const int64_t bytes_per_read = std::min(state.bytes, kBytesPerCall);
  const int64_t reads_per_call = std::max(kBytesPerCall / 4 / bytes_per_read, int64_t{1});
  const auto prepare = [&](int thread) {
    // Untouched anonymous memory is one shared page of zeros.
    if (!state.touched)
      std::memset(state.cursors[static_cast<size_t>(thread)].begin, 1, static_cast<size_t>(state.bytes));
  };
  const auto work = [&](int thread) {
    Cursor& cursor = state.cursors[static_cast<size_t>(thread)];
    for (int64_t i = 0; i < reads_per_call; ++i) {
      if (cursor.next + bytes_per_read > state.bytes) cursor.next = 0;
      cursor.sum += state.read(cursor.begin + cursor.next, bytes_per_read);
      cursor.next += bytes_per_read;
    }
    return static_cast<double>(bytes_per_read * reads_per_call);
  };
  FOREGATE_ASSIGN_OR_RETURN(std::vector<double> rates,
                            RatesTogether(Together(static_cast<int>(state.cursors.size()), options), prepare, work));
  state.touched = true;
  return Summarize(std::move(rates));
}

absl::StatusOr<Rate> MeasureRead(const CpuIdentity& cpu, int num_threads, int64_t bytes_per_thread,
                                 const ProbeOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadProbe> probe,
                            ReadProbe::Create(cpu, num_threads, bytes_per_thread));
  return probe->Measure(options);
}

absl::StatusOr<Rate> MeasureDot(const DotInstruction& instruction, int num_threads, const ProbeOptions& options) {
  std::atomic<uint64_t> sink = 0;
  const auto work = [&](int /*thread*/) {
    constexpr int64_t kRoundsPerCall = 4000;  // some 100000 cycles
    sink.store(instruction.run(kRoundsPerCall), std::memory_order_relaxed);
    return static_cast<double>(kRoundsPerCall * instruction.ops_per_round);
  };
  const auto prepare = [&](int /*thread*/) { sink.store(instruction.run(1), std::memory_order_relaxed); };
  FOREGATE_ASSIGN_OR_RETURN(std::vector<double> rates, RatesTogether(Together(num_threads, options), prepare, work));
  return Summarize(std::move(rates));
}

std::vector<int> ThreadCounts(int max_threads) {
  std::vector<int> counts;
  for (int n = 1; n < max_threads; n = n < 8 ? n + 1 : 2 * n) counts.push_back(n);
  counts.push_back(max_threads);
  return counts;
}

absl::StatusOr<MachineProbe> ProbeMachine(int max_threads, const ProbeOptions& options) {
  FOREGATE_CHECK_GE(max_threads, 1);
  MachineProbe probe;
  probe.cpu = ThisCpu();
  probe.kind = KindOf(probe.cpu);
  probe.num_cpus = static_cast<int>(UsableCpus().size());
  probe.caches = ReadCacheLevels();
  const std::vector<int> counts = ThreadCounts(max_threads);
  const auto measure = [&](int level, int num_threads, int64_t bytes) -> absl::Status {
    FOREGATE_ASSIGN_OR_RETURN(const Rate rate, MeasureRead(probe.cpu, num_threads, bytes, options));
    probe.reads.push_back({level, num_threads, bytes, rate});
    return absl::OkStatus();
  };
  for (const CacheLevel& cache : probe.caches) {
    for (const int num_threads : counts) {
      const int64_t bytes = WorkingSetBytes(probe.caches, cache.level, num_threads);
      if (bytes >= kReadUnit) FOREGATE_RETURN_IF_ERROR(measure(cache.level, num_threads, bytes));
    }
  }
  for (const int num_threads : counts) {
    FOREGATE_RETURN_IF_ERROR(measure(0, num_threads, BeyondCachesBytes(probe.caches) / num_threads));
  }
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, probe.cpu)) continue;
    for (const int num_threads : counts) {
      FOREGATE_ASSIGN_OR_RETURN(const Rate rate, MeasureDot(instruction, num_threads, options));
      probe.dots.push_back({&instruction, num_threads, rate});
    }
  }
  return probe;
}

std::vector<std::string> AbsentInstructions(const CpuIdentity& cpu) {
  std::vector<std::string> names;
  for (const DotInstruction& instruction : DotInstructions()) {
    if (!UsableHere(instruction, cpu)) names.emplace_back(instruction.name);
  }
  return names;
}

}  // namespace foregate
