// Interrupt: turns Ctrl-C into the cancellation of the running call.
#ifndef FOREGATE_CLIENT_CLI_INTERRUPT_H_
#define FOREGATE_CLIENT_CLI_INTERRUPT_H_

#include <atomic>

#include "client/cancellation.h"

namespace foregate {

// SIGINT or SIGTERM while a Call lives cancels it, on the server too; at any other time, or a second time, it ends the
// process with exit code 130. Watch() before any other thread starts, so that every thread inherits the blocked mask.
class Interrupt {
 public:
  // Between its construction and its destruction an interrupt cancels instead of ending the process.
  class Call {
   public:
    explicit Call(Interrupt* interrupt);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Interrupt* interrupt_;
  };

  // Starts the thread that waits for signals, for the rest of the process's life; `this` must live as long.
  void Watch();
  Cancellation* cancellation() { return &cancellation_; }
  bool happened() const { return cancellation_.cancelled(); }

 private:
  void WaitForSignals();

  Cancellation cancellation_;
  std::atomic<bool> in_call_{false};
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_INTERRUPT_H_
