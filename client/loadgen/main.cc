// `foregate-loadgen`: load on a running foregated. Exit code 0 when at least one request succeeded, 2 for wrong usage,
// 130 when interrupted before the load began, else 1.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/call_error.h"
#include "client/cli/interrupt.h"
#include "client/client.h"
#include "client/loadgen/load_flags.h"
#include "client/loadgen/load_report_text.h"
#include "client/loadgen/load_runner.h"

namespace foregate {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

int Fail(int code, const std::string& message) {
  std::cerr << "foregate-loadgen: " << message << "\n";
  return code;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, const char* flag) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (file.is_open() && !content.str().empty()) return content.str();
  return absl::InvalidArgumentError(std::string(flag) + ": cannot read " + path + ", or it is empty");
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const LoadFlags& flags) {
  ClientOptions options;
  options.address = flags.address;
  options.timeout = std::chrono::milliseconds(static_cast<int64_t>(flags.timeout_s * 1000));
  if (!flags.token_file.empty()) {
    auto token = ReadFile(flags.token_file, "--token-file");
    if (!token.ok()) return token.status();
    options.token = token->substr(0, token->find_first_of("\r\n"));
  }
  if (!flags.tls_ca.empty()) {
    auto ca = ReadFile(flags.tls_ca, "--tls-ca");
    if (!ca.ok()) return ca.status();
    options.use_tls = true;
    options.ca_pem = *std::move(ca);
  }
  return Client::Connect(std::move(options));
}

LoadedServer Describe(const discovery::v1::GetServerInfoResponse& server,
                      const discovery::v1::GetModelResponse& model) {
  return {server.version(), model.name(), model.architecture().weights_format(), server.isa(),
          server.compute_threads()};
}

// A plan that the server can never serve is refused here, once, instead of by every request.
absl::Status CheckLimits(const LoadPlanOptions& plan, const discovery::v1::ModelLimits& limits) {
  if (plan.prompt.max > limits.max_prompt_tokens()) {
    return absl::InvalidArgumentError("--prompt-tokens: the server takes prompts of at most " +
                                      std::to_string(limits.max_prompt_tokens()) + " tokens");
  }
  if (int64_t{plan.prompt.max} + plan.output.max > limits.max_sequence_tokens()) {
    return absl::InvalidArgumentError("--output-tokens: prompt and output together are at most " +
                                      std::to_string(limits.max_sequence_tokens()) + " tokens on this server");
  }
  return absl::OkStatus();
}

absl::Status CheckLongPrompts(const LongPromptFlags& flags, const discovery::v1::ModelLimits& limits) {
  const int64_t most = std::min<int64_t>(limits.max_prompt_tokens(), int64_t{limits.max_sequence_tokens()} - 1);
  if (flags.tokens <= most) return absl::OkStatus();
  return absl::InvalidArgumentError("--long-prompt-tokens: the server takes prompts of at most " +
                                    std::to_string(most) + " tokens");
}

// One token each: the first is what they are about.
std::vector<PlannedRequest> PlanLongPrompts(const LoadFlags& flags) {
  LoadPlanOptions options;
  options.max_requests = flags.long_prompts.count;
  options.prompt = {flags.long_prompts.tokens, flags.long_prompts.tokens};
  options.seed = flags.plan.seed ^ 0x9e3779b97f4a7c15u;
  return PlanLoad(options);
}

int WriteReport(const LoadFlags& flags, const LoadedServer& server, const LoadReport& report) {
  if (flags.json_file != "-") std::cout << LoadTable(flags, server, report);
  if (flags.json_file == "-") std::cout << LoadJson(flags, server, report);
  if (!flags.json_file.empty() && flags.json_file != "-") {
    errno = 0;
    std::ofstream file(flags.json_file, std::ios::binary | std::ios::trunc);
    file << LoadJson(flags, server, report) << std::flush;
    if (!file.good()) return Fail(kFailed, "cannot write " + flags.json_file + ": " + std::strerror(errno));
  }
  return report.num_ok > 0 ? kOk : kFailed;
}

int Run(const LoadFlags& flags, Interrupt* interrupt) {
  auto client = Connect(flags);
  if (!client.ok()) return Fail(kUsage, std::string(client.status().message()));
  const auto server = (*client)->GetServerInfo();
  if (!server.ok()) return Fail(kFailed, flags.address + ": " + DescribeError(server.status()));
  const auto model = (*client)->GetModel({});
  if (!model.ok()) return Fail(kFailed, flags.address + ": " + DescribeError(model.status()));
  absl::Status fits = CheckLimits(flags.plan, model->limits());
  if (fits.ok()) fits = CheckLongPrompts(flags.long_prompts, model->limits());
  if (!fits.ok()) return Fail(kUsage, std::string(fits.message()));

  std::random_device entropy;
  LoadRun run;
  run.clients = flags.clients;
  run.vocab_size = model->architecture().vocab_size();
  run.cancellation = interrupt->cancellation();
  run.salt = uint64_t{entropy()} << 32 | entropy();
  const Interrupt::Call call(interrupt);
  LoadPlanOptions warmup = flags.plan;
  warmup.rate = 0;
  warmup.max_requests = flags.warmup;
  warmup.seed = ~flags.plan.seed;
  const auto warmup_plan = PlanLoad(warmup);
  run.plan = &warmup_plan;
  run.clients = 1;
  if (const auto warmed = RunLoad(client->get(), run); !warmed.ok()) {
    return Fail(kFailed, std::string(warmed.status().message()));
  }
  const auto plan = PlanLoad(flags.plan);
  run.plan = &plan;
  run.clients = flags.clients;
  run.open_loop = flags.plan.rate > 0;
  run.duration_seconds = flags.plan.duration_seconds;
  const auto long_plan = PlanLongPrompts(flags);
  if (flags.long_prompts.tokens > 0) run.long_plan = &long_plan;
  run.long_gap_seconds = flags.long_prompts.gap_seconds;
  ++run.salt;
  const auto records = RunLoad(client->get(), run);
  if (!records.ok()) return Fail(kFailed, std::string(records.status().message()));
  LoadReport report = Summarize(records->requests, flags.target);
  if (flags.long_prompts.tokens > 0)
    report.long_prompts = SummarizeLongPrompts(records->long_prompts, records->requests);
  return WriteReport(flags, Describe(*server, *model), report);
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) {
  const auto parsed = foregate::ParseLoadFlags(argc, argv);
  if (const auto* usage = std::get_if<foregate::LoadUsage>(&parsed)) {
    (usage->exit_code == 0 ? std::cout : std::cerr) << usage->text;
    return usage->exit_code;
  }
  // Never destroyed: the thread that waits for signals uses it until the process ends.
  auto* interrupt = new foregate::Interrupt;
  interrupt->Watch();
  return foregate::Run(std::get<foregate::LoadFlags>(parsed), interrupt);
}
