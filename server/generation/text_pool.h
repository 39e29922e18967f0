// TextPool: the few threads that render templates, tokenize, detokenize and match stop strings, so that neither the
// engine thread nor gRPC's threads ever do.
#ifndef FOREGATE_SERVER_GENERATION_TEXT_POOL_H_
#define FOREGATE_SERVER_GENERATION_TEXT_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/generation/fifo_queue.h"

namespace foregate {

// Two classes of tasks. New calls come through Submit and are bounded here. Continuations of running requests come
// through Continue, go first, and need no bound here: a request has at most one waiting, and the engine bounds the
// requests. With two threads or more, one is kept free of new calls, so that tokenizing a huge prompt never stops the
// streams of others.
//
// Thread-safe. One lock, never held while a task runs.
class TextPool {
 public:
  using Task = std::function<void()>;

  // num_threads >= 1, max_queued_calls >= 1.
  TextPool(int32_t num_threads, size_t max_queued_calls);
  ~TextPool();  // Stop()
  TextPool(const TextPool&) = delete;
  TextPool& operator=(const TextPool&) = delete;

  // Runs `task` soon, in the order of submission among the same class. RESOURCE_EXHAUSTED with the limit when too many
  // new calls wait, UNAVAILABLE after Stop().
  absl::Status Submit(Task task);
  // Never runs the task on the calling thread. False after Stop(): then the task is dropped. Allocates nothing in the
  // long run, so that the engine thread may call it; a task that captures one pointer does not either.
  bool Continue(Task task);
  // Runs everything that waits, then ends the threads. Idempotent. Not from a task.
  void Stop();

 private:
  void ThreadMain();
  // The next task to run, or nullptr when there is none that may start now. `*is_call` says of which class it is.
  Task TakeLocked(bool* is_call);

  const size_t max_queued_calls_;
  const size_t max_running_calls_;
  std::mutex mutex_;
  std::condition_variable wake_;
  FifoQueue<Task> calls_;          // guarded by mutex_
  FifoQueue<Task> continuations_;  // guarded by mutex_
  size_t num_running_calls_ = 0;   // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_TEXT_POOL_H_
