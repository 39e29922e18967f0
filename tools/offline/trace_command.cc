#include "tools/offline/trace_command.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/replay/replay.h"
#include "engine/moe/trace/route_trace_import.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "engine/moe/trace/route_trace_summary.h"
#include "engine/moe/trace/whole_csv.h"
#include "kernels/base/status_macros.h"
#include "tools/offline/made_trace.h"
#include "tools/offline/prefetch_report.h"
#include "tools/offline/trace_report.h"
#include "tools/offline/turns_replay.h"

namespace foregate {
namespace {

constexpr const char* kBelady = "belady";
constexpr size_t kMaxTurnsTokens = 1 << 16;

struct ImportFlags {
  std::string csv;
  std::string output;
  TraceImportOptions options;
};

struct ExportFlags {
  std::string trace;
  std::string format = "csv";
  std::string output;
};

struct MakeFlags {
  std::string output;
  MadeTraceOptions options;
};

struct ReadFlags {
  std::vector<std::string> traces;
  bool json = false;
};

struct ReplayFlags {
  ReadFlags read;
  std::vector<std::string> policies;
  std::vector<double> memory_percents = {5, 12.5, 25, 50};
  size_t num_streams = 1;
  uint64_t bandwidth = 0;
  double request_us = 0;
  double expert_us = 0;
  double layer_us = 0;
  std::string plot;
  // With reads ahead of demand.
  std::vector<std::string> sources;
  int32_t lead = 1;
  bool has_governor = true;
  uint64_t request_bytes = 0;
  uint64_t in_flight_bytes = 0;
  size_t num_repeats = 1;
  double transfer_ratio = 0;  // 0: expert_us and layer_us stand
  double layer_share = 0;
  size_t after_rows = 0;
  int32_t affinity_steps = 0;
};

absl::Status FileError(const std::string& what, const std::string& path) {
  return absl::UnavailableError("cannot " + what + " " + path + ": " + std::strerror(errno));
}

absl::StatusOr<std::ifstream> OpenFile(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return absl::InvalidArgumentError(path + " is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return FileError("read", path);
  return file;
}

using BytesSink = std::function<absl::Status(std::string_view)>;

// Written beside its place and moved there, so that a failure leaves no half of a file. Returns what `write` does.
absl::StatusOr<uint64_t> WriteBeside(const std::string& path,
                                     const std::function<absl::StatusOr<uint64_t>(const BytesSink&)>& write) {
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  if (!file.is_open()) return FileError("write", part);
  absl::StatusOr<uint64_t> result = write([&](std::string_view bytes) -> absl::Status {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file.good() ? absl::OkStatus() : FileError("write", part);
  });
  file.close();
  if (result.ok() && file.fail()) result = FileError("write", part);
  if (result.ok() && std::rename(part.c_str(), path.c_str()) != 0) result = FileError("write", path);
  if (!result.ok()) std::remove(part.c_str());
  return result;
}

absl::Status Import(const ImportFlags& flags) {
  FOREGATE_ASSIGN_OR_RETURN(std::ifstream csv, OpenFile(flags.csv));
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t num_visits, WriteBeside(flags.output, [&](const BytesSink& sink) {
                              return ImportRouteCsv(csv, flags.csv, flags.options, sink);
                            }));
  std::cout << flags.output << ": " << num_visits << " visits\n";
  return absl::OkStatus();
}

absl::Status Make(const MakeFlags& flags) {
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t num_visits, WriteBeside(flags.output, [&](const BytesSink& sink) {
                              return WriteMadeTrace(flags.options, sink);
                            }));
  std::cout << flags.output << ": " << num_visits << " visits\n";
  return absl::OkStatus();
}

// A torn trace is worth what it holds; whoever reads the figures is told.
void WarnOfTear(const absl::Status& torn) {
  if (!torn.ok()) std::cerr << "warning: " << torn.message() << "\n";
}

absl::Status Export(const ExportFlags& flags) {
  FOREGATE_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(flags.trace));
  FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, flags.trace));
  if (flags.output.empty()) {
    const absl::StatusOr<uint64_t> num_visits = ExportRouteCsv(reader, [](std::string_view text) {
      std::cout << text;
      return std::cout.good() ? absl::OkStatus() : FileError("write", "standard output");
    });
    std::cout << std::flush;
    WarnOfTear(reader.torn());
    return num_visits.status();
  }
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t num_visits, WriteBeside(flags.output, [&](const BytesSink& sink) {
                              return ExportRouteCsv(reader, sink);
                            }));
  WarnOfTear(reader.torn());
  std::cout << flags.output << ": " << num_visits << " visits\n";
  return absl::OkStatus();
}

absl::Status Summarize(const ReadFlags& flags) {
  for (const std::string& path : flags.traces) {
    FOREGATE_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(path));
    FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, path));
    FOREGATE_ASSIGN_OR_RETURN(const TraceSummary summary, SummarizeTrace(reader));
    WarnOfTear(reader.torn());
    std::cout << (flags.json ? SummaryJson(reader.header(), summary) : SummaryTable(reader.header(), summary));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NamedEvictionPolicy>> PoliciesOf(const std::vector<std::string>& names) {
  const std::span<const NamedEvictionPolicy> live = EvictionPolicies();
  std::vector<NamedEvictionPolicy> known(live.begin(), live.end());
  known.push_back({kBelady, EvictFarthestUse});
  if (names.empty()) return known;
  std::vector<NamedEvictionPolicy> policies;
  for (const std::string& name : names) {
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const NamedEvictionPolicy& policy) { return policy.name == name; });
    if (found == known.end())
      return absl::InvalidArgumentError("--policy: no policy " + name + "; there are lru, lfu, expected, belady");
    policies.push_back(*found);
  }
  return policies;
}

// Of the experts of a decode step, on average.
uint64_t RoundBytes(const ReplayTrace& trace) {
  uint64_t bytes = 0;
  std::vector<bool> is_known(trace.header().layers.size());
  for (size_t i = trace.num_visits(); i-- > 0;) {  // the end of a trace decodes
    const ReplayTrace::Visit visit = trace.visit(i);
    const auto layer = static_cast<size_t>(visit.layer_index);
    if (is_known[layer]) continue;
    is_known[layer] = true;
    size_t num_distinct = 0;
    for (size_t c = 0; c < visit.choices.size(); ++c)
      num_distinct += c == 0 || visit.choices[c] != visit.choices[c - 1] ? 1 : 0;
    bytes += num_distinct * trace.expert_bytes(visit.layer_index);
  }
  return bytes;
}

absl::StatusOr<ReplayTrace> ReadTrace(const ReplayFlags& flags, const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(path));
  FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, path));
  FOREGATE_ASSIGN_OR_RETURN(ReplayTrace trace, ReplayTrace::Read(reader));
  WarnOfTear(reader.torn());
  if (flags.num_streams > 1) {
    FOREGATE_ASSIGN_OR_RETURN(trace, trace.Merge(flags.num_streams));
  }
  if (flags.num_repeats > 1) {
    FOREGATE_ASSIGN_OR_RETURN(trace, trace.Repeat(flags.num_repeats));
  }
  return trace;
}

std::string NameOf(const std::string& path) { return std::filesystem::path(path).stem().string(); }

ReplayOptions OptionsOf(const ReplayFlags& flags) {
  return {.bytes_per_second = static_cast<double>(flags.bandwidth),
          .request_seconds = flags.request_us / 1e6,
          .expert_seconds = flags.expert_us / 1e6,
          .layer_seconds = flags.layer_us / 1e6,
          .request_bytes = flags.request_bytes,
          .in_flight_bytes = flags.in_flight_bytes,
          .is_governed = flags.has_governor};
}

absl::StatusOr<ReplayReport::Trace> ReplayFile(const ReplayFlags& flags, const std::string& path,
                                               const std::vector<NamedEvictionPolicy>& policies) {
  FOREGATE_ASSIGN_OR_RETURN(const ReplayTrace trace, ReadTrace(flags, path));
  ReplayReport::Trace report{.name = NameOf(path),
                             .expert_bytes = trace.header().expert_bytes(),
                             .round_bytes = RoundBytes(trace),
                             .results = {}};
  ReplayOptions options = OptionsOf(flags);
  for (const double percent : flags.memory_percents) {
    options.memory_bytes = static_cast<uint64_t>(percent / 100 * static_cast<double>(report.expert_bytes));
    for (const NamedEvictionPolicy& policy : policies) {
      options.policy = policy.policy;
      FOREGATE_ASSIGN_OR_RETURN(ReplayResult result, Replay(trace, options));
      report.results.push_back(std::move(result));
    }
  }
  return report;
}

absl::Status RunPrefetchReplay(const ReplayFlags& flags) {
  if (flags.bandwidth == 0) return absl::InvalidArgumentError("--prefetch: it needs a --bandwidth");
  if (!flags.policies.empty() || !flags.plot.empty())
    return absl::InvalidArgumentError("--prefetch: it goes with the policy expected, and has no --plot");
  PrefetchReport report{.num_streams = flags.num_streams, .after_rows = flags.after_rows, .traces = {}};
  for (const std::string& path : flags.read.traces) {
    FOREGATE_ASSIGN_OR_RETURN(const ReplayTrace trace, ReadTrace(flags, path));
    FOREGATE_ASSIGN_OR_RETURN(PrefetchReport::Trace replayed,
                              ReplayPrefetches(trace, NameOf(path),
                                               {.replay = OptionsOf(flags),
                                                .memory_percents = flags.memory_percents,
                                                .sources = flags.sources,
                                                .lead = flags.lead,
                                                .is_balanced = flags.transfer_ratio > 0,
                                                .balance = {.transfer_ratio = flags.transfer_ratio,
                                                            .layer_share = flags.layer_share,
                                                            .after_rows = flags.after_rows}}));
    report.traces.push_back(std::move(replayed));
  }
  std::cout << (flags.read.json ? PrefetchJson(report) : PrefetchTable(report)) << std::flush;
  return absl::OkStatus();
}

// Everything that a flag says has to count, or to be refused.
absl::Status CheckTurnsFlags(const ReplayFlags& flags) {
  const ReplayFlags other;
  const std::pair<const char*, bool> given[] = {
      {"--policy", !flags.policies.empty()},       {"--plot", !flags.plot.empty()},
      {"--prefetch", !flags.sources.empty()},      {"--lead", flags.lead != other.lead},
      {"--no-governor", !flags.has_governor},      {"--transfer-ratio", flags.transfer_ratio > 0},
      {"--layer-share", flags.layer_share > 0},    {"--request-us", flags.request_us > 0},
      {"--request-size", flags.request_bytes > 0}, {"--in-flight", flags.in_flight_bytes > 0}};
  std::string refused;
  for (const auto& [name, is_given] : given)
    if (is_given) refused += (refused.empty() ? "" : ", ") + std::string(name);
  if (refused.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--affinity: experts are read on demand, one request each, with the policy expected; it does not go with " +
      refused);
}

absl::Status RunTurnsReplay(const ReplayFlags& flags) {
  FOREGATE_RETURN_IF_ERROR(CheckTurnsFlags(flags));
  for (const std::string& path : flags.read.traces) {
    FOREGATE_ASSIGN_OR_RETURN(std::ifstream file, OpenFile(path));
    FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, path));
    FOREGATE_ASSIGN_OR_RETURN(const DecodeTokens decoded, DecodeTokens::Read(reader, kMaxTurnsTokens));
    WarnOfTear(reader.torn());
    if (decoded.is_cut())
      std::cerr << "warning: " << path << ": only the first " << decoded.num_tokens() << " tokens are replayed\n";
    const size_t num_steps = (decoded.num_tokens() + flags.num_streams - 1) / flags.num_streams;
    FOREGATE_ASSIGN_OR_RETURN(const ReplayTrace tokens, decoded.Compose(reader.header(), flags.num_streams, num_steps));
    FOREGATE_ASSIGN_OR_RETURN(const TurnsReport report,
                              CompareTurns(tokens, NameOf(path), flags.memory_percents,
                                           {.bytes_per_second = static_cast<double>(flags.bandwidth),
                                            .expert_seconds = flags.expert_us / 1e6,
                                            .layer_seconds = flags.layer_us / 1e6,
                                            .max_passed_over = flags.affinity_steps,
                                            .num_tokens = num_steps * flags.num_streams * flags.num_repeats,
                                            .num_first_tokens = flags.after_rows}));
    std::cout << (flags.read.json ? TurnsJson(report) : TurnsTable(report)) << std::flush;
  }
  return absl::OkStatus();
}

absl::Status RunReplay(const ReplayFlags& flags) {
  if (flags.affinity_steps > 0) return RunTurnsReplay(flags);
  if (!flags.sources.empty()) return RunPrefetchReplay(flags);
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<NamedEvictionPolicy> policies, PoliciesOf(flags.policies));
  ReplayReport report{.memory_percents = flags.memory_percents,
                      .policies = {},
                      .has_time = flags.bandwidth > 0,
                      .num_streams = flags.num_streams,
                      .traces = {}};
  for (const NamedEvictionPolicy& policy : policies) report.policies.emplace_back(policy.name);
  for (const std::string& path : flags.read.traces) {
    FOREGATE_ASSIGN_OR_RETURN(ReplayReport::Trace trace, ReplayFile(flags, path, policies));
    report.traces.push_back(std::move(trace));
  }
  std::cout << (flags.read.json ? ReplayJson(report) : ReplayTable(report)) << std::flush;
  if (flags.plot.empty()) return absl::OkStatus();
  std::ofstream file(flags.plot, std::ios::binary | std::ios::trunc);
  file << ReplayPlot(report) << std::flush;
  return file.good() ? absl::OkStatus() : FileError("write", flags.plot);
}

void AddReadFlags(CLI::App* command, ReadFlags* flags) {
  command->add_option("trace", flags->traces, "routing traces (.fgr)")->required();
  command->add_flag("--json", flags->json, "print JSON");
}

CLI::App* AddImport(CLI::App* trace, ImportFlags* flags) {
  CLI::App* command = trace->add_subcommand("import", "make a routing trace of a CSV file");
  command->add_option("csv", flags->csv, "what `foregate trace stop` or export wrote, or a route_trace v1")->required();
  command->add_option("-o,--output", flags->output, "the trace (.fgr)")->required();
  command
      ->add_option("--experts", flags->options.num_experts,
                   "experts of a layer (default: the largest that occurs, plus one)")
      ->check(CLI::Range(1, kMaxTraceExperts));
  command->add_option("--expert-bytes", flags->options.expert_bytes, "bytes of an expert, where the file does not say")
      ->transform(CLI::AsSizeValue(false));
  return command;
}

CLI::App* AddExport(CLI::App* trace, ExportFlags* flags) {
  CLI::App* command = trace->add_subcommand("export", "make a CSV file of a trace, which import reads back");
  command->add_option("trace", flags->trace, "the trace (.fgr)")->required();
  command->add_option("--format", flags->format, "csv")->check(CLI::IsMember({"csv"}))->capture_default_str();
  command->add_option("-o,--output", flags->output, "the file (default: standard output)");
  return command;
}

void AddPrefetch(CLI::App* command, ReplayFlags* flags) {
  command
      ->add_option("--prefetch", flags->sources,
                   "read ahead of demand: committed (pre-gates), speculation:PERCENT (right guesses), predictor")
      ->delimiter(',');
  command->add_option("--lead", flags->lead, "layers ahead that --prefetch knows of")->check(CLI::Range(1, 4));
  command->add_flag("!--no-governor", flags->has_governor, "read guesses whether they pay or not");
  command
      ->add_option("--transfer-ratio", flags->transfer_ratio,
                   "set the time of computing so that what LRU reads takes so many times as long")
      ->check(CLI::Range(1e-3, 1e3));
  command->add_option("--layer-share", flags->layer_share, "of that time, the part spent beside the experts")
      ->check(CLI::Range(0.0, 0.99));
  command->add_option("--after", flags->after_rows,
                      "rates of --prefetch and --affinity are over the steps after so many tokens");
}

CLI::App* AddMake(CLI::App* trace, MakeFlags* flags) {
  CLI::App* command = trace->add_subcommand("make", "make up a trace of streams that decode side by side");
  command->add_option("-o,--output", flags->output, "the trace (.fgr)")->required();
  MadeTraceOptions& options = flags->options;
  const auto number = [&](const char* name, int32_t* value, int least, int most, const char* help) {
    command->add_option(name, *value, help)->check(CLI::Range(least, most))->capture_default_str();
  };
  number("--layers", &options.num_layers, 1, 256, "MoE layers");
  number("--experts", &options.num_experts, 2, 4096, "experts of a layer");
  number("--top-k", &options.top_k, 1, 64, "experts of a token in a layer");
  command->add_option("--expert-bytes", options.expert_bytes, "bytes of an expert")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  number("--streams", &options.num_streams, 1, 1024, "streams");
  number("--tokens", &options.num_tokens, 1, 100'000, "tokens of each stream");
  number("--topics", &options.num_topics, 0, 64, "topics that streams are about; 0: every expert alike");
  command->add_option("--strength", options.strength, "how much a topic prefers its experts")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  number("--tokens-per-topic", &options.tokens_per_topic, 0, 100'000, "then a stream goes on with the next; 0: never");
  command->add_option("--seed", options.seed, "of what is drawn")->capture_default_str();
  return command;
}

CLI::App* AddReplay(CLI::App* trace, ReplayFlags* flags) {
  CLI::App* command = trace->add_subcommand("replay", "run traces against an expert cache, in virtual time");
  AddReadFlags(command, &flags->read);
  command->add_option("--policy", flags->policies, "lru, lfu, expected, belady (default: all)")->delimiter(',');
  command->add_option("--memory", flags->memory_percents, "percent of all experts' bytes that fit")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--streams", flags->num_streams, "cut each trace into so many parts that run side by side")
      ->check(CLI::Range(1, 4096));
  command->add_option("--bandwidth", flags->bandwidth, "bytes per second of the disk, for the columns of time")
      ->transform(CLI::AsSizeValue(true));
  command->add_option("--request-us", flags->request_us, "what a read costs beside its bytes")
      ->check(CLI::Range(0.0, 1e6));
  command->add_option("--expert-us", flags->expert_us, "time to compute one expert")->check(CLI::Range(0.0, 1e9));
  command->add_option("--layer-us", flags->layer_us, "time of a layer beside its experts")->check(CLI::Range(0.0, 1e9));
  command->add_option("--request-size", flags->request_bytes, "most bytes of one request (default: a whole expert)")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--in-flight", flags->in_flight_bytes, "bytes that the disk holds at a time (default: one request)")
      ->transform(CLI::AsSizeValue(false));
  command->add_option("--repeat", flags->num_repeats, "run the steps so many times, one after the other")
      ->check(CLI::Range(1, 4096));
  command
      ->add_option("--affinity", flags->affinity_steps,
                   "compare with streams that take turns by their experts, sitting out at most so many steps")
      ->check(CLI::Range(1, 1000));
  command->add_option("--plot", flags->plot, "write hit rate against memory there, as SVG");
  AddPrefetch(command, flags);
  return command;
}

}  // namespace

OfflineCommand AddTraceCommand(CLI::App* app) {
  const auto import = std::make_shared<ImportFlags>();
  const auto exported = std::make_shared<ExportFlags>();
  const auto made = std::make_shared<MakeFlags>();
  const auto summary = std::make_shared<ReadFlags>();
  const auto replay = std::make_shared<ReplayFlags>();
  CLI::App* trace = app->add_subcommand("trace", "routing traces: import, export, make, summary, replay");
  trace->require_subcommand(1);
  CLI::App* import_command = AddImport(trace, import.get());
  CLI::App* export_command = AddExport(trace, exported.get());
  CLI::App* make_command = AddMake(trace, made.get());
  CLI::App* summary_command = trace->add_subcommand("summary", "what a trace says about caching");
  AddReadFlags(summary_command, summary.get());
  AddReplay(trace, replay.get());
  return [=] {
    if (import_command->parsed()) return Import(*import);
    if (export_command->parsed()) return Export(*exported);
    if (make_command->parsed()) return Make(*made);
    return summary_command->parsed() ? Summarize(*summary) : RunReplay(*replay);
  };
}

}  // namespace foregate
