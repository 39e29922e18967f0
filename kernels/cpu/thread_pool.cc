#include "kernels/cpu/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <array>
#include <cstring>
#include <string>
#include <system_error>

#include "kernels/base/check.h"

namespace foregate::internal {
namespace {

// About 50 us at 25 ns per pause: longer than the gap between two operations of a step, shorter than a time slice.
constexpr int kSpins = 2000;

// state_: number of the job, then whether it is open, then how many workers are in it.
constexpr uint64_t kJoined = 1;
constexpr uint64_t kJoinedMask = 0xffff;
constexpr uint64_t kOpen = 0x10000;
constexpr int kNumberShift = 17;

uint64_t NumberOf(uint64_t state) { return state >> kNumberShift; }

template <typename Condition>
void SpinUntil(const Condition& condition) {
  for (int i = 0; i < kSpins && !condition(); ++i) __builtin_ia32_pause();
}

// 0 or the error.
int Pin(pthread_t thread, int cpu) {
  // Machines may have more CPUs than the 1024 of a cpu_set_t.
  std::array<cpu_set_t, 4> sets = {};
  CPU_SET_S(static_cast<size_t>(cpu), sizeof(sets), sets.data());
  return pthread_setaffinity_np(thread, sizeof(sets), sets.data());
}

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadPool>> ThreadPool::Create(int num_threads, const std::vector<int>& cpus) {
  FOREGATE_CHECK(num_threads >= 1 && num_threads <= static_cast<int>(kJoinedMask));
  FOREGATE_CHECK(cpus.empty() || cpus.size() == static_cast<size_t>(num_threads));
  std::unique_ptr<ThreadPool> pool(new ThreadPool(num_threads, cpus.empty() ? -1 : cpus[0]));
  pool->workers_.reserve(static_cast<size_t>(num_threads - 1));
  for (int i = 1; i < num_threads; ++i) {
    try {
      pool->workers_.emplace_back(&ThreadPool::Work, pool.get());
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError("cannot start compute thread " + std::to_string(i + 1) + " of " +
                                          std::to_string(num_threads) + ": " + error.what());
    }
    const pthread_t thread = pool->workers_.back().native_handle();
    pthread_setname_np(thread, ("compute-" + std::to_string(i)).c_str());
    if (cpus.empty()) continue;
    const int cpu = cpus[static_cast<size_t>(i)];
    if (const int error = Pin(thread, cpu); error != 0)
      return absl::FailedPreconditionError("cannot bind compute thread " + std::to_string(i + 1) + " to CPU " +
                                           std::to_string(cpu) + ": " + std::strerror(error));
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  state_.fetch_add(uint64_t{1} << kNumberShift);  // a job that nobody can join
  WakeWorkers();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::PinCaller() {
  caller_ = std::this_thread::get_id();
  // Create has shown that the CPUs of the others may be used; should this one be refused, results are the same.
  (void)Pin(pthread_self(), caller_cpu_);
}

void ThreadPool::RunShare(const Job& job) {
  for (int64_t i = next_.fetch_add(1, std::memory_order_relaxed); i < job.count;
       i = next_.fetch_add(1, std::memory_order_relaxed)) {
    job.call(job.context, i);
  }
}

void ThreadPool::WakeWorkers() {
  // A worker counts itself before it looks at state_ for the last time, and state_ was changed before this looks at the
  // count (both in the one order of sequentially consistent operations): one of the two sees the other.
  if (num_sleeping_.load() == 0) return;
  { const std::lock_guard<std::mutex> lock(mutex_); }
  job_came_.notify_all();
}

void ThreadPool::WaitForWorkers() {
  const auto all_left = [this] { return (state_.load() & kJoinedMask) == 0; };
  SpinUntil(all_left);
  if (all_left()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  caller_sleeps_.store(true);
  workers_left_.wait(lock, all_left);
  caller_sleeps_.store(false);
}

void ThreadPool::Run(const Job& job) {
  if (caller_cpu_ >= 0 && caller_ != std::this_thread::get_id()) PinCaller();
  if (workers_.empty() || job.count <= 1) {
    for (int64_t i = 0; i < job.count; ++i) job.call(job.context, i);
    return;
  }
  const uint64_t before = state_.load(std::memory_order_relaxed);
  FOREGATE_CHECK((before & (kOpen | kJoinedMask)) == 0);
  job_ = job;
  next_.store(0, std::memory_order_relaxed);
  state_.store(before + (uint64_t{1} << kNumberShift) + kOpen);
  WakeWorkers();
  RunShare(job);
  // A worker that has not joined by now is not waited for: it may sleep, or have lost its core to another process.
  if ((state_.fetch_and(~kOpen) & kJoinedMask) != 0) WaitForWorkers();
}

void ThreadPool::SleepUntilNewer(uint64_t seen) {
  std::unique_lock<std::mutex> lock(mutex_);
  num_sleeping_.fetch_add(1);
  job_came_.wait(lock, [&] { return NumberOf(state_.load()) != seen; });
  num_sleeping_.fetch_sub(1);
}

void ThreadPool::Work() {
  uint64_t seen = 0;
  while (true) {
    const auto has_newer = [&] { return NumberOf(state_.load(std::memory_order_relaxed)) != seen; };
    SpinUntil(has_newer);
    if (!has_newer()) SleepUntilNewer(seen);
    uint64_t state = state_.load();
    seen = NumberOf(state);
    if (stopping_.load()) return;
    bool joined = false;
    while (!joined && (state & kOpen) != 0 && NumberOf(state) == seen)
      joined = state_.compare_exchange_weak(state, state + kJoined);
    if (!joined) continue;
    RunShare(job_);
    const uint64_t left = state_.fetch_sub(kJoined) - kJoined;
    if ((left & (kOpen | kJoinedMask)) != 0 || !caller_sleeps_.load()) continue;
    { const std::lock_guard<std::mutex> lock(mutex_); }
    workers_left_.notify_one();
  }
}

}  // namespace foregate::internal
