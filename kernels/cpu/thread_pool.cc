#include "kernels/cpu/thread_pool.h"

#include <string>
#include <system_error>

#include "kernels/base/check.h"

namespace foregate::internal {
namespace {

// About 50 us at 25 ns per pause: longer than the gap between two operations of a step, shorter than a time slice.
constexpr int kSpins = 2000;

template <typename Condition>
void SpinUntil(const Condition& condition) {
  for (int i = 0; i < kSpins && !condition(); ++i) __builtin_ia32_pause();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadPool>> ThreadPool::Create(int num_threads) {
  FOREGATE_CHECK_GE(num_threads, 1);
  std::unique_ptr<ThreadPool> pool(new ThreadPool(num_threads));
  pool->workers_.reserve(static_cast<size_t>(num_threads - 1));
  for (int i = 1; i < num_threads; ++i) {
    try {
      pool->workers_.emplace_back(&ThreadPool::Work, pool.get());
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError("cannot start compute thread " + std::to_string(i + 1) + " of " +
                                          std::to_string(num_threads) + ": " + error.what());
    }
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    generation_.fetch_add(1, std::memory_order_release);
  }
  work_available_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::RunShare(const Job& job) {
  for (int64_t i = next_.fetch_add(1, std::memory_order_relaxed); i < job.count;
       i = next_.fetch_add(1, std::memory_order_relaxed)) {
    job.call(job.context, i);
  }
}

void ThreadPool::Run(const Job& job) {
  if (workers_.empty() || job.count <= 1) {
    for (int64_t i = 0; i < job.count; ++i) job.call(job.context, i);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    FOREGATE_CHECK(!open_);
    job_ = job;
    open_ = true;
    next_.store(0, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
  }
  work_available_.notify_all();
  RunShare(job);
  {
    // A worker that has not joined by now is not waited for: it may sleep, or have lost its core to another process.
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
  }
  SpinUntil([this] { return num_joined_.load(std::memory_order_acquire) == 0; });
  std::unique_lock<std::mutex> lock(mutex_);
  workers_left_.wait(lock, [this] { return num_joined_.load(std::memory_order_relaxed) == 0; });
}

void ThreadPool::Work() {
  uint64_t seen = 0;
  while (true) {
    SpinUntil([&] { return generation_.load(std::memory_order_acquire) != seen; });
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      work_available_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
      seen = generation_.load(std::memory_order_relaxed);
      if (stopping_) return;
      if (!open_) continue;
      num_joined_.fetch_add(1, std::memory_order_relaxed);
      job = job_;
    }
    RunShare(job);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (num_joined_.fetch_sub(1, std::memory_order_release) == 1) workers_left_.notify_one();
  }
}

}  // namespace foregate::internal
