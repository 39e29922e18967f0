// Fork and join over fixed worker threads, for steps of a few microseconds: no allocation, no lock and no wake-up while
// the workers still spin. Workers spin for about 50 us after their last job, then sleep until the next.
#ifndef FOREGATE_KERNELS_CPU_THREAD_POOL_H_
#define FOREGATE_KERNELS_CPU_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace foregate::internal {

class ThreadPool {
 public:
  // `num_threads` >= 1 counts the calling thread. `cpus` names the CPU of each thread, the calling one first, or is
  // empty: threads run where the system puts them. The calling thread moves to its CPU with its first job. Names its
  // workers "compute-N". RESOURCE_EXHAUSTED when the system refuses a thread, FAILED_PRECONDITION when it refuses a
  // CPU.
  static absl::StatusOr<std::unique_ptr<ThreadPool>> Create(int num_threads, const std::vector<int>& cpus = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return num_threads_; }

  // Calls body(i) once for each i in [0, count), on this thread and the workers in any order, and returns when all
  // calls have returned; their writes are then visible. One caller at a time; `body` must not call ParallelFor.
  template <typename Body>
  void ParallelFor(int64_t count, const Body& body) {
    Run({[](const void* context, int64_t i) { (*static_cast<const Body*>(context))(i); }, &body, count});
  }

 private:
  struct Job {
    void (*call)(const void* context, int64_t i) = nullptr;
    const void* context = nullptr;
    int64_t count = 0;
  };

  ThreadPool(int num_threads, int caller_cpu) : num_threads_(num_threads), caller_cpu_(caller_cpu) {}

  void Run(const Job& job);
  void RunShare(const Job& job);
  void WakeWorkers();
  void WaitForWorkers();
  void Work();
  // Sleeps until there is a job newer than `seen`.
  void SleepUntilNewer(uint64_t seen);
  void PinCaller();

  const int num_threads_;
  const int caller_cpu_;  // -1: none
  std::thread::id caller_;
  std::vector<std::thread> workers_;
  std::atomic<bool> stopping_ = false;

  // The job, written while it is closed and nobody has joined it.
  alignas(64) Job job_;
  // Number of the job, whether workers may still join it, how many have joined and not left: kOpen and the shifts in
  // the .cc. One word, so that joining a job that closes at the same time either counts or does not happen.
  alignas(64) std::atomic<uint64_t> state_ = 0;
  // The next index of the job.
  alignas(64) std::atomic<int64_t> next_ = 0;

  // Sleep, for workers without a job and for a caller whose workers take long.
  alignas(64) std::mutex mutex_;
  std::condition_variable job_came_;
  std::condition_variable workers_left_;
  std::atomic<int> num_sleeping_ = 0;  // workers
  std::atomic<bool> caller_sleeps_ = false;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_THREAD_POOL_H_
