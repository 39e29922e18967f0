// The barrier of the compute pool: a job in which every thread must take part and has nothing to do. What it takes is
// what an operation of a step pays for being done by several threads.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "kernels/base/check.h"
#include "kernels/cpu/thread_pool.h"

namespace foregate::internal {
namespace {

void BM_Barrier(benchmark::State& state) {
  const auto num_threads = static_cast<int>(state.range(0));
  auto pool = ThreadPool::Create(num_threads);
  FOREGATE_CHECK(pool.ok());
  std::vector<double> micros;
  std::atomic<int> num_arrived = 0;
  for (auto _ : state) {
    num_arrived.store(0);
    const auto begin = std::chrono::steady_clock::now();
    (*pool)->ParallelFor(num_threads, [&](int64_t) {
      num_arrived.fetch_add(1);
      while (num_arrived.load() < num_threads) __builtin_ia32_pause();
    });
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(micros.begin(), micros.end());
  state.counters["p50_us"] = micros[micros.size() / 2];
  state.counters["p99_us"] = micros[micros.size() * 99 / 100];
}
BENCHMARK(BM_Barrier)->ArgName("threads")->Arg(2)->UseRealTime();

}  // namespace
}  // namespace foregate::internal
