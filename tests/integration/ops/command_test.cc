// What a person or a script sees of the foregated command: exit codes, messages, signals, /metrics. No gRPC here.
#include <signal.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ops/daemon_process.h"

namespace foregate {
namespace {

using ::testing::HasSubstr;

ProcessOutcome RunToEnd(const std::vector<std::string>& flags) { return DaemonProcess(flags).WaitForExit(); }

TEST(Command, WrongConfigurationIsExitCode2AndNamesTheFlag) {
  const ProcessOutcome outcome = RunToEnd({"--model=m", "--thread=2", "--log-format=xml"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.log, HasSubstr("--thread: unknown flag"));
  EXPECT_EQ(RunToEnd({}).exit_code, 2);  // no model
}

TEST(Command, AnUnknownKeyOfTheFileIsNamedWithItsPlace) {
  const std::string file = MakeTestDirectory("config") + "/foregated.cfg";
  std::ofstream(file) << "engine {\n  batch: 1\n}\n";
  const ProcessOutcome outcome = RunToEnd({"--model=m", "--config=" + file});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.log, HasSubstr(file + ":2:"));
}

TEST(Command, ExplainsItself) {
  const ProcessOutcome help = RunToEnd({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr("--engine.max_batch_tokens"));
  const ProcessOutcome version = RunToEnd({"--version"});
  EXPECT_THAT(version.output, HasSubstr("foregated "));
  const ProcessOutcome config = RunToEnd({"--model=a/b", "--print-config"});
  EXPECT_EQ(config.exit_code, 0);
  EXPECT_THAT(config.output, HasSubstr("max_batch_tokens: 512"));
  EXPECT_THAT(config.output, HasSubstr("name: \"b\""));
}

TEST(Command, AMissingModelIsExitCode1) {
  const ProcessOutcome outcome = RunToEnd({"--model=/nonexistent"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.log, HasSubstr("/nonexistent"));
}

TEST(Command, AModelThatDoesNotFitIsRefusedWithTheNumbers) {
  const ProcessOutcome outcome = RunToEnd({MiniModelFlag(), "--memory=64MiB"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.log, HasSubstr("does not fit"));
  EXPECT_THAT(outcome.log, HasSubstr("67108864 bytes (64 MiB) of --memory"));
}

TEST(Command, ASecondDaemonOnTheSamePortFailsAndSaysWhy) {
  DaemonProcess first({MiniModelFlag()});
  ASSERT_TRUE(first.WaitUntilListening()) << first.ReadLog();
  for (const auto& [flag, address] : {std::pair<std::string, std::string>{"--listen=", first.data_address()},
                                      {"--admin-listen=", first.admin_address()},
                                      {"--metrics-listen=", first.metrics_address()}}) {
    const ProcessOutcome second = RunToEnd({MiniModelFlag(), flag + address});
    EXPECT_EQ(second.exit_code, 1) << flag;
    EXPECT_THAT(second.log, HasSubstr(address));
  }
}

TEST(Command, UnusableTlsFilesAreNamed) {
  const std::string file = MakeTestDirectory("tls") + "/no.pem";
  std::ofstream(file) << "nothing\n";
  const ProcessOutcome outcome = RunToEnd({MiniModelFlag(), "--tls-cert=" + file, "--tls-key=" + file});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.log, HasSubstr("listen.tls: " + file + ": holds no PEM certificate"));
}

TEST(Command, MetricsAreWellFormed) {
  DaemonProcess daemon({MiniModelFlag()});
  ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
  const std::string body = HttpGet(daemon.metrics_address(), "/metrics");
  EXPECT_THAT(body, HasSubstr("foregate_build_info{"));
  const std::regex sample("[a-z_]+(\\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\\})? [-+0-9.eInfNa]+");
  std::istringstream lines(body);
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    ++samples;
    EXPECT_TRUE(std::regex_match(line, sample)) << line;
  }
  EXPECT_GT(samples, 5);
}

TEST(Command, SigtermAndSigintEndAnIdleDaemonWithExitCode0) {
  for (int number : {SIGTERM, SIGINT}) {
    DaemonProcess daemon({MiniModelFlag(), "--log-format=json"});
    ASSERT_TRUE(daemon.WaitUntilListening()) << daemon.ReadLog();
    daemon.Signal(number);
    const ProcessOutcome outcome = daemon.WaitForExit();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.log;
    EXPECT_THAT(outcome.log, HasSubstr("\"message\":\"draining\""));
  }
}

}  // namespace
}  // namespace foregate
