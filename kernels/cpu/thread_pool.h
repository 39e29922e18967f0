// Fork and join over fixed worker threads, for steps of a few microseconds: no allocation and no wake-up of workers
// that still spin.
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
  // `num_threads` >= 1 counts the calling thread. RESOURCE_EXHAUSTED when the system refuses a thread.
  static absl::StatusOr<std::unique_ptr<ThreadPool>> Create(int num_threads);
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

  explicit ThreadPool(int num_threads) : num_threads_(num_threads) {}

  void Run(const Job& job);
  void RunShare(const Job& job);
  void Work();

  const int num_threads_;
  std::vector<std::thread> workers_;

  std::mutex mutex_;
  std::condition_variable work_available_;
  std::condition_variable workers_left_;
  Job job_;                // guarded by mutex_
  bool open_ = false;      // guarded by mutex_: workers may still join job_
  bool stopping_ = false;  // guarded by mutex_
  // Written under mutex_; read without it by threads that spin.
  std::atomic<uint64_t> generation_ = 0;
  std::atomic<int> num_joined_ = 0;
  // The next index of the job. Reset only while no worker is joined.
  alignas(64) std::atomic<int64_t> next_ = 0;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_THREAD_POOL_H_
