#include "kernels/cpu/roofline.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "kernels/api/host_device.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/isa_choice.h"
#include "kernels/cpu/thread_pool.h"

namespace foregate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kMeasurement = std::chrono::milliseconds(100);
// The best of several passes: whatever else runs only ever makes a pass slower.
constexpr int kMinPasses = 3;

// Largest `amount` per second over repeated calls of `pass`.
template <typename Pass>
double BestRate(double amount, const Pass& pass) {
  double best = 0;
  const Clock::time_point end = Clock::now() + kMeasurement;
  for (int i = 0; i < kMinPasses || Clock::now() < end; ++i) {
    const Clock::time_point start = Clock::now();
    pass();
    best = std::max(best, amount / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

absl::StatusOr<Roofline> MeasureRoofline(int num_threads, int64_t buffer_bytes) {
  FOREGATE_CHECK_GE(num_threads, 1);
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<internal::ThreadPool> pool,
                            internal::ThreadPool::Create(num_threads));
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<DeviceBuffer> buffer,
                            AllocateHostMemory(static_cast<size_t>(buffer_bytes)));
  const internal::IsaTable& isa = *internal::SupportedIsaTables().back();
  const int64_t floats_per_thread = buffer_bytes / num_threads / 256 * 64;
  auto* floats = static_cast<float*>(buffer->data());
  // Untouched anonymous memory is one shared page of zeros.
  pool->ParallelFor(num_threads,
                    [&](int64_t i) { std::fill_n(floats + i * floats_per_thread, floats_per_thread, 1.0f); });
  std::atomic<float> sink = 0;
  Roofline roofline;
  roofline.read_bytes_per_second = BestRate(static_cast<double>(floats_per_thread * num_threads * 4), [&] {
    pool->ParallelFor(num_threads, [&](int64_t i) {
      sink.store(isa.probe_read(floats + i * floats_per_thread, floats_per_thread), std::memory_order_relaxed);
    });
  });
  constexpr int64_t kRounds = 400000;
  const double flops = static_cast<double>(2 * kRounds * internal::kProbeFmasPerRound * num_threads);
  roofline.f32_flops = BestRate(flops, [&] {
    pool->ParallelFor(num_threads, [&](int64_t) { sink.store(isa.probe_fma(kRounds), std::memory_order_relaxed); });
  });
  return roofline;
}

}  // namespace foregate
