// Work on many tasks at a time whose results are taken one by one, in the tasks' order.
#ifndef FOREGATE_CLIENT_EVALUATION_ORDERED_WORK_H_
#define FOREGATE_CLIENT_EVALUATION_ORDERED_WORK_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"

namespace foregate {

// Runs `work` on `num_threads` threads for 0, 1, .. `count` - 1, and after each, in that order and on the calling
// thread, `take`: equal results then make equal files and equal sums, whichever came first. `work` of i begins after
// `take` of i - `window`, so a ring of `window` places holds all results that may wait for an earlier one. What `work`
// of i wrote, `take` of i sees.
//
// Begins no more once `take` has failed, which is returned when all threads have ended. RESOURCE_EXHAUSTED when the
// threads cannot be started; nothing is taken then. `window` is at least 1.
absl::Status WorkInOrder(size_t count, size_t num_threads, size_t window, const std::function<void(size_t)>& work,
                         const std::function<absl::Status(size_t)>& take);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_ORDERED_WORK_H_
