// RunningGeneration: the handle of a request that the engine accepted.
#ifndef FOREGATE_SERVER_GENERATION_RUNNING_GENERATION_H_
#define FOREGATE_SERVER_GENERATION_RUNNING_GENERATION_H_

#include "absl/status/status.h"

namespace foregate {

// Thread-safe.
class RunningGeneration {
 public:
  virtual ~RunningGeneration() = default;
  // Ends the request within one engine step; OnDone(reason) follows. Does nothing once the engine has ended it.
  virtual void Cancel(absl::Status reason) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_GENERATION_RUNNING_GENERATION_H_
