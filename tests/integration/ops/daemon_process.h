// DaemonProcess: the real foregated binary as a child, on free ports, for tests over real sockets.
#ifndef FOREGATE_TESTS_INTEGRATION_OPS_DAEMON_PROCESS_H_
#define FOREGATE_TESTS_INTEGRATION_OPS_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace foregate {

struct ProcessOutcome {
  int exit_code = -1;  // 128 plus the signal's number when killed by one
  std::string output;  // standard output
  std::string log;     // standard error
};

class DaemonProcess {
 public:
  // Every listener takes a free port unless `flags` say otherwise; flags given later win.
  explicit DaemonProcess(const std::vector<std::string>& flags);
  ~DaemonProcess();  // kills it when it still runs
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // False when it ended or took too long. Addresses are known afterwards.
  bool WaitUntilListening();
  const std::string& data_address() const { return data_address_; }
  const std::string& admin_address() const { return admin_address_; }
  const std::string& metrics_address() const { return metrics_address_; }

  void Signal(int signal_number);
  // Kills the process when it takes longer than a minute; the exit code is then 137.
  ProcessOutcome WaitForExit();
  std::string ReadLog() const;

 private:
  std::string directory_;
  pid_t pid_ = -1;
  bool is_reaped_ = false;
  int status_ = 0;
  std::string data_address_;
  std::string admin_address_;
  std::string metrics_address_;

  bool Reap(bool block);
};

// Flags for the embedded model, as a path that holds in a test's working directory.
std::string MiniModelFlag();

// A fresh directory below the test's temporary one.
std::string MakeTestDirectory(const std::string& name);

std::string ReadWholeFile(const std::string& path);

// Body of a GET over plain HTTP; empty when nothing answers.
std::string HttpGet(const std::string& address, const std::string& path);

}  // namespace foregate

#endif  // FOREGATE_TESTS_INTEGRATION_OPS_DAEMON_PROCESS_H_
