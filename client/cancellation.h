// Cancellation: lets another thread end the calls that were started with it.
#ifndef FOREGATE_CLIENT_CANCELLATION_H_
#define FOREGATE_CLIENT_CANCELLATION_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>

namespace foregate {

// Thread-safe. Not usable from a signal handler (it locks): wait for the signal in a thread instead.
class Cancellation {
 public:
  // Runs `on_cancel` at Cancel(), or at once when that has already happened, until the Registration is destroyed.
  class Registration {
   public:
    Registration(Cancellation* owner, std::function<void()> on_cancel);
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    Cancellation* owner_;
    std::list<std::function<void()>>::iterator entry_;
  };

  void Cancel();
  bool cancelled() const;
  // Forgets an earlier Cancel(), so that a conversation can go on after one answer was cancelled.
  void Reset();
  // Sleeps, or returns early with false when cancelled.
  bool SleepFor(std::chrono::milliseconds duration);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  std::list<std::function<void()>> on_cancel_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CANCELLATION_H_
