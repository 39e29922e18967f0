#include "engine/model/run_in_threads.h"

#include <pthread.h>

#include <cstddef>
#include <vector>

namespace foregate {
namespace {

struct Start {
  const std::function<void(int)>* body;
  int index;
};

void* Run(void* start) {
  const auto& [body, index] = *static_cast<const Start*>(start);
  (*body)(index);
  return nullptr;
}

}  // namespace

// pthreads, because std::thread reports a refusal by an exception.
void RunInThreads(int num_threads, const std::function<void(int index)>& body) {
  std::vector<Start> starts;
  for (int i = 1; i < num_threads; ++i) starts.push_back({&body, i});
  std::vector<pthread_t> threads;
  for (Start& start : starts) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, Run, &start) != 0) break;
    threads.push_back(thread);
  }
  body(0);
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

}  // namespace foregate
