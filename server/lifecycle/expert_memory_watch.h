// ExpertMemoryWatch: looks at memory ten times a second and tells the engine how much of it experts may take. Does
// nothing while all experts stay in memory.
//
// Looking, instead of the kernel's notifications (PSI triggers, memory.events, memory.pressure_level): those say that
// something is short, not how much, need privileges in places, and differ between the versions; see docs/adr/0022.
#ifndef FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_WATCH_H_
#define FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/lifecycle/expert_memory_target.h"
#include "server/lifecycle/memory_pressure.h"
#include "server/lifecycle/serving_state.h"

namespace foregate {

class ExpertMemoryWatch {
 public:
  // `state` outlives the watch. `root` stands before the kernel's paths ("" on a real machine).
  ExpertMemoryWatch(const ServingState* state, std::string root);
  ~ExpertMemoryWatch();

  // A thread of its own looks from now on, ten times a second.
  void Start();
  // One look, which the thread does in turn: to be called before Start only. `elapsed`: since the last.
  void Look(std::chrono::microseconds elapsed);

 private:
  void ThreadMain();

  const ServingState* const state_;
  const std::string root_;
  std::vector<MemoryDomain> seen_;
  ExpertMemoryTarget target_;  // 0 bytes: no model that it is about
  std::mutex mutex_;
  std::condition_variable stop_condition_;
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_EXPERT_MEMORY_WATCH_H_
