// EngineThread: the one thread that owns an EngineLoop; sleeps on the mailbox while no request lives.
#ifndef FOREGATE_ENGINE_ENGINE_THREAD_H_
#define FOREGATE_ENGINE_ENGINE_THREAD_H_

#include <thread>

#include "engine/engine_loop.h"

namespace foregate {

class EngineThread {
 public:
  // `loop` outlives the thread.
  explicit EngineThread(EngineLoop* loop);
  // Drops the running step, ends every request with UNAVAILABLE (on the engine thread) and joins.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

 private:
  void Run();

  EngineLoop* const loop_;
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_ENGINE_THREAD_H_
