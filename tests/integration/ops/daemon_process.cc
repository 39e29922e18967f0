#include "tests/integration/ops/daemon_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

extern char** environ;

namespace foregate {
namespace {

constexpr std::chrono::seconds kPatience(60);
constexpr std::chrono::milliseconds kPollPeriod(5);

}  // namespace

std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::string MakeTestDirectory(const std::string& name) {
  static int number = 0;
  const std::string path =
      ::testing::TempDir() + "/" + name + std::to_string(getpid()) + "_" + std::to_string(number++);
  std::filesystem::create_directories(path);
  return path;
}

std::string MiniModelFlag() { return "--model=models/mini"; }

DaemonProcess::DaemonProcess(const std::vector<std::string>& flags) : directory_(MakeTestDirectory("daemon")) {
  std::vector<std::string> arguments = {"server/foregated", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0",
                                        "--metrics-listen=127.0.0.1:0",
                                        "--lifecycle.ready_file=" + directory_ + "/ready"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int mode = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 1, (directory_ + "/out").c_str(), mode, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (directory_ + "/log").c_str(), mode, 0600);
  EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
}

DaemonProcess::~DaemonProcess() {
  if (Reap(/*block=*/false)) return;
  Signal(SIGKILL);
  Reap(/*block=*/true);
}

bool DaemonProcess::Reap(bool block) {
  if (is_reaped_ || pid_ <= 0) return true;
  is_reaped_ = waitpid(pid_, &status_, block ? 0 : WNOHANG) == pid_;
  return is_reaped_;
}

bool DaemonProcess::WaitUntilListening() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const std::string ready = directory_ + "/ready";
  while (!std::filesystem::exists(ready)) {
    if (Reap(/*block=*/false) || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kPollPeriod);
  }
  const auto addresses = nlohmann::json::parse(ReadWholeFile(ready));
  data_address_ = addresses.at("data");
  admin_address_ = addresses.at("admin");
  if (addresses.contains("metrics")) metrics_address_ = addresses.at("metrics");
  return true;
}

void DaemonProcess::Signal(int signal_number) {
  if (!is_reaped_ && pid_ > 0) kill(pid_, signal_number);
}

ProcessOutcome DaemonProcess::WaitForExit() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!Reap(/*block=*/false)) {
    if (std::chrono::steady_clock::now() > deadline) {
      Signal(SIGKILL);
      Reap(/*block=*/true);
      break;
    }
    std::this_thread::sleep_for(kPollPeriod);
  }
  ProcessOutcome outcome;
  outcome.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  outcome.output = ReadWholeFile(directory_ + "/out");
  outcome.log = ReadLog();
  return outcome;
}

std::string DaemonProcess::ReadLog() const { return ReadWholeFile(directory_ + "/log"); }

std::string HttpGet(const std::string& address, const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  std::string reply;
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\n\r\n";
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    for (ssize_t n = 0; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) reply.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  const size_t body = reply.find("\r\n\r\n");
  return body == std::string::npos ? "" : reply.substr(body + 4);
}

}  // namespace foregate
