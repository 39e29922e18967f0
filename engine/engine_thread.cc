#include "engine/engine_thread.h"

#include <chrono>

namespace foregate {
namespace {

// An idle engine still shows progress this often: health is tied to it.
constexpr std::chrono::milliseconds kIdlePoll(100);

}  // namespace

EngineThread::EngineThread(EngineLoop* loop) : loop_(loop), thread_([this] { Run(); }) {}

EngineThread::~EngineThread() {
  loop_->mailbox().Shutdown();
  thread_.join();
}

void EngineThread::Run() {
  while (!loop_->mailbox().shutdown())
    if (!loop_->Step()) loop_->mailbox().WaitForMail(kIdlePoll);
  loop_->AbortAll(absl::UnavailableError("the engine is being shut down"));
}

}  // namespace foregate
