#include "client/cli/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "client/cli/exit_code.h"

namespace foregate {

Interrupt::Call::Call(Interrupt* interrupt) : interrupt_(interrupt) { interrupt_->in_call_.store(true); }
Interrupt::Call::~Call() { interrupt_->in_call_.store(false); }

void Interrupt::Watch() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([this] { WaitForSignals(); }).detach();
}

void Interrupt::WaitForSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    // _exit: the main thread may be blocked in a read of standard input, which nothing else would end.
    if (!in_call_.load() || cancellation_.cancelled()) _exit(kExitInterrupted);
    cancellation_.Cancel();
  }
}

}  // namespace foregate
