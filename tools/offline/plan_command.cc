#include "tools/offline/plan_command.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/formats/container/container_file.h"
#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "kernels/base/status_macros.h"
#include "server/config/command_line.h"
#include "server/lifecycle/memory_division.h"
#include "tools/offline/decode_forecast.h"
#include "tools/offline/disk_rate.h"
#include "tools/offline/plan_report.h"
#include "tools/offline/roofline_rates.h"

namespace foregate {
namespace {

// Of a recorded trace: enough for every replay that is made of it.
constexpr size_t kMaxTraceTokens = 8192;
constexpr int32_t kContextTokens = 256;
constexpr double kMaxRate = 1e18;

struct Flags {
  std::string model;
  std::string memory;  // a size, or a share of the weights
  std::string trace;
  std::vector<size_t> streams = {1, 8, 32};
  std::optional<int32_t> context_tokens;  // default: kContextTokens, or what a sequence has at most
  std::string cache_directory;
  std::optional<double> disk_bandwidth;  // default: measured; so are the next two
  std::optional<double> memory_bandwidth;
  std::optional<double> gops;
  double guess_accuracy = 80;
  bool json = false;
  std::vector<std::string> daemon_flags;
};

absl::StatusOr<ServerConfig> ConfigOf(const Flags& flags) {
  std::vector<std::string> arguments = {"--model=" + flags.model};
  if (!flags.memory.empty() && !flags.memory.ends_with('%')) arguments.push_back("--memory=" + flags.memory);
  if (!flags.cache_directory.empty()) arguments.push_back("--model.cache_dir=" + flags.cache_directory);
  arguments.insert(arguments.end(), flags.daemon_flags.begin(), flags.daemon_flags.end());
  FOREGATE_ASSIGN_OR_RETURN(const CommandLine line, ParseCommandLine(arguments));
  if (line.action != CommandLineAction::kServe)
    return absl::InvalidArgumentError("--print-config and --version are foregated's alone");
  return line.config;
}

// "50%" of the weights is a size that only the model tells.
absl::StatusOr<MemoryLimit> LimitOf(const Flags& flags, const ServerConfig& config, const LoadOptions& load) {
  if (!flags.memory.ends_with('%')) return ConfiguredLimit(config);
  double percent = 0;
  if (!CLI::detail::lexical_cast(flags.memory.substr(0, flags.memory.size() - 1), percent) ||
      !(percent > 0 && percent <= 10'000))
    return absl::InvalidArgumentError("--memory: want a size or a percentage such as 50%, not " + flags.memory);
  FOREGATE_ASSIGN_OR_RETURN(const ModelPlan plan, PlanModel(load));
  const auto weights = static_cast<double>(plan.memory.dense_bytes + plan.memory.all_expert_bytes);
  return MemoryLimit{static_cast<uint64_t>(percent / 100 * weights), "--memory " + flags.memory + " of the weights"};
}

std::string ShapeText(size_t num_layers, int32_t num_experts, int32_t top_k) {
  return std::to_string(num_layers) + " layers of " + std::to_string(num_experts) + " experts, top-" +
         std::to_string(top_k);
}

absl::StatusOr<DecodeTokens> TokensOf(const std::string& path, const StepShape& step) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return absl::NotFoundError("--trace: cannot read " + path);
  FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, path));
  const TraceHeader& header = reader.header();
  if (header.layers.size() != step.moe_layers.size() || header.num_experts != step.num_experts ||
      header.top_k != step.experts_per_token)
    return absl::InvalidArgumentError(
        path + " is of another model: " + ShapeText(header.layers.size(), header.num_experts, header.top_k) +
        "; the model has " + ShapeText(step.moe_layers.size(), step.num_experts, step.experts_per_token));
  absl::StatusOr<DecodeTokens> tokens = DecodeTokens::Read(reader, kMaxTraceTokens);
  if (!tokens.ok()) return absl::Status(tokens.status().code(), path + ": " + std::string(tokens.status().message()));
  if (!reader.torn().ok()) std::cerr << "warning: " << reader.torn().message() << "\n";
  return tokens;
}

// What the daemon would read ahead of demand.
PrefetchSource PrefetchOf(const LoadOptions& load, const StepShape& step, double accuracy) {
  using Kind = PrefetchSource::Kind;
  if (!load.prefetch.has_value()) return {};
  if (step.pre_gate_distance > 0) return {.kind = Kind::kCommitted, .lead = step.pre_gate_distance};
  switch (*load.prefetch) {
    case GuessSource::kNone:
      return {};
    case GuessSource::kRouter:
      return {.kind = Kind::kSpeculation, .accuracy = accuracy};
    case GuessSource::kPredictor:
      return {.kind = Kind::kPredictor};
  }
  return {};
}

std::string PrefetchText(const PrefetchSource& source) {
  using Kind = PrefetchSource::Kind;
  const auto percent = std::to_string(static_cast<int>(source.accuracy * 100 + 0.5));
  switch (source.kind) {
    case Kind::kNone:
      return "";
    case Kind::kCommitted:
      return "what the checkpoint's pre-gates commit, " + std::to_string(source.lead) + " layers ahead";
    case Kind::kSpeculation:
      return "guesses of the next layer's router, " + percent + " % of them right (assumed)";
    case Kind::kPredictor:
      return "guesses learned from the routing";
  }
  return "";
}

absl::Status FillRates(const Flags& flags, const ServerConfig& config, PlanReport* report) {
  const StepShape& step = report->division.plan.step;
  report->reach = ReachOf(step.expert_format);
  report->num_threads = config.compute().threads();
  report->read_bytes_per_second = flags.memory_bandwidth.value_or(0);
  report->ops_per_second = flags.gops.value_or(0) * 1e9;
  report->read_origin = report->ops_origin = "as given";
  if (!flags.memory_bandwidth.has_value() || !flags.gops.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(const RooflineRates rates,
                              MeasureRooflineRates(config.compute().threads(), step.expert_format));
    report->num_threads = rates.num_threads;
    const std::string threads = " by " + std::to_string(rates.num_threads) + " threads";
    if (!flags.memory_bandwidth.has_value()) {
      report->read_bytes_per_second = rates.read_bytes_per_second;
      report->read_origin = "measured just now" + threads;
    }
    if (!flags.gops.has_value()) {
      report->ops_per_second = rates.ops_per_second;
      report->ops_origin = "measured just now" + threads + " (" + rates.instruction + ")";
    }
  }
  if (!report->division.plan.reads_container) return absl::OkStatus();
  if (flags.disk_bandwidth.has_value()) {
    report->disk_bytes_per_second = *flags.disk_bandwidth;
    report->disk_origin = "as given";
    return absl::OkStatus();
  }
  const uint64_t expert_bytes = *std::max_element(step.expert_bytes.begin(), step.expert_bytes.end());
  FOREGATE_ASSIGN_OR_RETURN(const DiskRate disk,
                            MeasureDiskRate(config.model().cache_dir(), config.model().dir(), expert_bytes));
  report->disk_bytes_per_second = disk.bytes_per_second;
  report->disk_shape = disk.shape;
  report->has_disk_shape = true;
  report->disk_origin = disk.origin;
  return absl::OkStatus();
}

bool IsContainer(const std::string& model) {
  const absl::StatusOr<std::optional<std::string>> container = FindContainer(model);
  return container.ok() && container->has_value();
}

// What keeps the daemon from doing this, or so many streams from running at once.
std::vector<std::string> NotesOf(const ServerConfig& config, const MemoryDivision& division, size_t most_streams,
                                 int32_t context_tokens) {
  std::vector<std::string> notes;
  if (division.plan.reads_container && config.model().cache_dir().empty() && !IsContainer(config.model().dir()))
    notes.push_back(
        "foregated will want model.cache_dir for a container, or one that was packed, to read experts from");
  const auto allowed = static_cast<uint64_t>(config.engine().max_running_requests());
  if (allowed < most_streams)
    notes.push_back("engine.max_running_requests lets " + std::to_string(allowed) + " streams at once, others wait");
  const uint64_t stream_bytes = division.plan.memory.kv_bytes_per_token * static_cast<uint64_t>(context_tokens);
  const uint64_t fit = stream_bytes == 0 ? most_streams : static_cast<uint64_t>(division.kv_bytes) / stream_bytes;
  if (fit < most_streams)
    notes.push_back("the KV cache holds " + std::to_string(fit) + " streams of " + std::to_string(context_tokens) +
                    " tokens at once, others wait");
  return notes;
}

absl::Status CheckRates(const Flags& flags) {
  const std::pair<const char*, const std::optional<double>*> rates[] = {
      {"--bandwidth", &flags.disk_bandwidth}, {"--memory-bandwidth", &flags.memory_bandwidth}, {"--gops", &flags.gops}};
  for (const auto& [name, rate] : rates) {
    if (rate->has_value() && !(**rate > 0 && **rate <= kMaxRate))
      return absl::InvalidArgumentError(std::string(name) + ": want more than 0 and at most 10^18, not " +
                                        std::to_string(**rate));
  }
  return absl::OkStatus();
}

// INVALID_ARGUMENT for more than a sequence may have.
absl::StatusOr<int32_t> ContextOf(const Flags& flags, int32_t sequence_tokens) {
  const int32_t tokens = flags.context_tokens.value_or(std::min(kContextTokens, sequence_tokens));
  if (tokens <= sequence_tokens) return tokens;
  return absl::InvalidArgumentError("--context: a sequence has up to " + std::to_string(sequence_tokens) +
                                    " tokens (the model's limit or engine.max_sequence_tokens), not " +
                                    std::to_string(tokens));
}

absl::Status Run(const Flags& flags) {
  FOREGATE_RETURN_IF_ERROR(CheckRates(flags));
  FOREGATE_ASSIGN_OR_RETURN(const ServerConfig config, ConfigOf(flags));
  FOREGATE_ASSIGN_OR_RETURN(const LoadOptions load, ConfiguredLoad(config));
  FOREGATE_ASSIGN_OR_RETURN(const MemoryLimit limit, LimitOf(flags, config, load));
  PlanReport report;
  report.model = config.model().dir();
  FOREGATE_ASSIGN_OR_RETURN(report.division, DivideMemory(config, load, limit));
  FOREGATE_ASSIGN_OR_RETURN(report.context_tokens, ContextOf(flags, report.division.sequence_tokens));
  const ModelPlan& plan = report.division.plan;
  std::optional<DecodeTokens> tokens;
  report.routing = "uniform, the worst case (foregate trace record and --trace tell the true one)";
  if (!flags.trace.empty()) {
    FOREGATE_ASSIGN_OR_RETURN(tokens, TokensOf(flags.trace, plan.step));
    report.routing = flags.trace + ", " + std::to_string(tokens->num_tokens()) +
                     (tokens->has_prompts() ? " tokens of prompts and answers" : " decoded tokens");
  }
  FOREGATE_RETURN_IF_ERROR(FillRates(flags, config, &report));
  const PrefetchSource prefetch = PrefetchOf(load, plan.step, flags.guess_accuracy / 100);
  report.prefetch = PrefetchText(prefetch);
  report.notes = NotesOf(config, report.division, *std::max_element(flags.streams.begin(), flags.streams.end()),
                         report.context_tokens);
  const ForecastInput input{.step = plan.step,
                            .kv_bytes_per_token = plan.memory.kv_bytes_per_token,
                            .context_tokens = report.context_tokens,
                            .slot_bytes = plan.slots.num_bytes(),
                            .keeps_all_experts = !plan.reads_container,
                            .eviction = load.expert_memory.eviction,
                            .prefetch = prefetch,
                            .tokens = tokens.has_value() ? &*tokens : nullptr};
  const ForecastMachine machine{
      .read_bytes_per_second = report.read_bytes_per_second,
      .ops_per_second = report.ops_per_second,
      .reach = report.reach,
      .disk_bytes_per_second = report.disk_bytes_per_second * kDiskReach,
      .disk_request_bytes = report.disk_shape.piece_bytes,
      .disk_in_flight_bytes = report.disk_shape.bytes_under_way(),
      .disk_guessed_in_flight_bytes =
          report.disk_shape.piece_bytes * static_cast<uint64_t>(report.disk_shape.guessed_depth())};
  for (const size_t num_streams : flags.streams) {
    FOREGATE_ASSIGN_OR_RETURN(const DecodeForecast forecast, ForecastDecode(input, machine, num_streams));
    report.forecasts.push_back(forecast);
  }
  std::cout << (flags.json ? PlanJson(report) : PlanTable(report)) << std::flush;
  return absl::OkStatus();
}

// Of bandwidths, in bytes.
const std::map<std::string, double> kByteUnits = {{"b", 1},      {"kb", 1e3},      {"mb", 1e6},        {"gb", 1e9},
                                                  {"kib", 1024}, {"mib", 1048576}, {"gib", 1073741824}};

void AddFlags(CLI::App* command, Flags* flags) {
  command->add_option("--model", flags->model, "as foregated takes it: a directory, a GGUF file or a container")
      ->required();
  command->add_option("--memory", flags->memory,
                      "what the process may use: a size, or a percentage of the model's weights (default: what machine "
                      "and cgroups allow)");
  command->add_option("--cache-dir", flags->cache_directory, "model.cache_dir, where the container is or would be");
  command->add_option("--trace", flags->trace, "a routing trace (.fgr) of this model (default: uniform routing)");
  command->add_option("--streams", flags->streams, "sequences that decode at once")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--context", flags->context_tokens, "tokens that each of them holds (default: 256)")
      ->check(CLI::Range(0, 1 << 24));
  command
      ->add_option("--bandwidth", flags->disk_bandwidth,
                   "bytes per second of the disk (default: measured, on model.cache_dir or the model's file)")
      ->transform(CLI::AsNumberWithUnit(kByteUnits));
  command->add_option("--memory-bandwidth", flags->memory_bandwidth, "bytes per second of memory (default: measured)")
      ->transform(CLI::AsNumberWithUnit(kByteUnits));
  command->add_option("--gops", flags->gops, "10^9 operations per second of the CPU (default: measured)");
  command->add_option("--guess-accuracy", flags->guess_accuracy, "percent of the next router's guesses that come true")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "print JSON");
}

}  // namespace

OfflineCommand AddPlanCommand(CLI::App* app) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command =
      app->add_subcommand("plan", "what foregated would do with so much memory, and how fast it would decode");
  command->allow_extras();
  command->footer(
      "Every other flag is foregated's: --expert-memory, --weights, --threads, --model.cache_dir,\n"
      "--engine.max_sequence_tokens, --config FILE, ... (foregated --help). No weights are loaded.");
  AddFlags(command, flags.get());
  return [flags, command] {
    flags->daemon_flags = command->remaining();
    return Run(*flags);
  };
}

}  // namespace foregate
