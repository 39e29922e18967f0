// RunInThreads: one body in several threads, for the bulk work of loading.
#ifndef FOREGATE_ENGINE_MODEL_RUN_IN_THREADS_H_
#define FOREGATE_ENGINE_MODEL_RUN_IN_THREADS_H_

#include <functional>

namespace foregate {

// Calls body(0) on the calling thread and body(1) to body(num_threads - 1) on others; returns when all have returned.
// Fewer run where the machine refuses a thread: the bodies share the work between those that there are.
void RunInThreads(int num_threads, const std::function<void(int index)>& body);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_RUN_IN_THREADS_H_
