// ShutdownSignals: SIGTERM and SIGINT ask for a drain; a second one ends the process at once with exit code 128 plus
// the signal's number (143, 130). SIGPIPE is ignored: a vanished client is an error of its call.
//
// Construct it in main before any other thread exists, because threads inherit which signals they block.
#ifndef FOREGATE_SERVER_LIFECYCLE_SHUTDOWN_SIGNALS_H_
#define FOREGATE_SERVER_LIFECYCLE_SHUTDOWN_SIGNALS_H_

#include <functional>
#include <thread>

namespace foregate {

class ShutdownSignals {
 public:
  // `on_first` is called once, on an own thread.
  explicit ShutdownSignals(std::function<void(int signal)> on_first);
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

 private:
  void ThreadMain();

  const std::function<void(int)> on_first_;
  int stop_fd_ = -1;
  int signal_fd_ = -1;
  std::thread thread_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_SHUTDOWN_SIGNALS_H_
