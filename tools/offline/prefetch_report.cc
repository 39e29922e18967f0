#include "tools/offline/prefetch_report.h"

#include <charconv>
#include <cstdio>
#include <string_view>

#include "kernels/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

// Rates of one row, and of what it is compared with.
struct Rates {
  double rows_per_second = 0;
  double of_demand = 0;    // times the same policy on demand alone
  double of_lru = 0;       // times least recently used, resident experts first
  double of_blocking = 0;  // times least recently used, every layer reading first and then computing
};

double Ratio(double a, double b) { return b > 0 ? a / b : 0; }

Rates RatesOf(const PrefetchReport& report, const PrefetchReport::Memory& memory, const ReplayResult& result) {
  const size_t first = StepAfterRows(result, report.after_rows);
  const ReplayResult &lru = memory.rows[0].result, &demand = memory.rows[1].result;
  const double rate = result.rows_per_second(first);
  return {.rows_per_second = rate,
          .of_demand = Ratio(rate, demand.rows_per_second(first)),
          .of_lru = Ratio(rate, lru.rows_per_second(first)),
          .of_blocking = Ratio(rate, lru.blocking_rows_per_second(first))};
}

double Gigabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e9; }

std::string RowText(const PrefetchReport& report, const PrefetchReport::Memory& memory,
                    const PrefetchReport::Row& row) {
  const ReplayResult& result = row.result;
  const Rates rates = RatesOf(report, memory, result);
  char text[256];
  std::snprintf(text, sizeof(text), "%8.3g  %-14s %6.2f %9.3f %8.3f %8.3f %8.3f %8.3f %9.2f %8.3f %8.3f %8.3f\n",
                memory.percent, row.name.c_str(), 100 * result.total.hit_rate(), result.stall_seconds,
                Gigabytes(result.class_bytes[0]), Gigabytes(result.class_bytes[1]), Gigabytes(result.class_bytes[2]),
                Gigabytes(result.wasted_bytes), rates.rows_per_second, rates.of_demand, rates.of_lru,
                rates.of_blocking);
  return text;
}

Json RowJson(const PrefetchReport& report, const PrefetchReport::Memory& memory, const PrefetchReport::Row& row) {
  const ReplayResult& result = row.result;
  const Rates rates = RatesOf(report, memory, result);
  return {{"source", row.name},
          {"hit_percent", 100 * result.total.hit_rate()},
          {"compute_seconds", result.compute_seconds},
          {"stall_seconds", result.stall_seconds},
          {"demand_bytes", result.class_bytes[0]},
          {"committed_bytes", result.class_bytes[1]},
          {"speculative_bytes", result.class_bytes[2]},
          {"used_bytes", result.used_bytes},
          {"wasted_bytes", result.wasted_bytes},
          {"regretted_bytes", result.regretted_bytes},
          {"late", result.num_late},
          {"evictions", result.num_evictions},
          {"control_steps", result.num_control_steps},
          {"tokens_per_second", rates.rows_per_second},
          {"times_demand", rates.of_demand},
          {"times_lru", rates.of_lru},
          {"times_blocking_lru", rates.of_blocking}};
}

}  // namespace

absl::StatusOr<PrefetchSource> ParsePrefetchSource(const std::string& text, int32_t lead) {
  constexpr std::string_view kSpeculation = "speculation:";
  if (text == "committed") return PrefetchSource{.kind = PrefetchSource::Kind::kCommitted, .lead = lead};
  if (text == "predictor") return PrefetchSource{.kind = PrefetchSource::Kind::kPredictor, .lead = lead};
  double percent = -1;
  if (text.starts_with(kSpeculation)) {
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + kSpeculation.size(), end, percent);
    if (error != std::errc() || stopped != end) percent = -1;
  }
  if (!(percent >= 0 && percent <= 100))
    return absl::InvalidArgumentError("--prefetch: " + text +
                                      "; there are committed, predictor, speculation:PERCENT (right guesses)");
  return PrefetchSource{.kind = PrefetchSource::Kind::kSpeculation, .accuracy = percent / 100, .lead = lead};
}

absl::StatusOr<PrefetchReport::Trace> ReplayPrefetches(const ReplayTrace& trace, const std::string& name,
                                                       const PrefetchReportOptions& options) {
  PrefetchReport::Trace report{.name = name, .memories = {}};
  for (const double percent : options.memory_percents) {
    ReplayOptions replay = options.replay;
    replay.memory_bytes = static_cast<uint64_t>(percent / 100 * static_cast<double>(trace.header().expert_bytes()));
    if (options.is_balanced) {
      FOREGATE_ASSIGN_OR_RETURN(replay, Balance(trace, replay, options.balance));
    }
    PrefetchReport::Memory memory{
        .percent = percent, .expert_seconds = replay.expert_seconds, .layer_seconds = replay.layer_seconds, .rows = {}};
    const auto add = [&](const std::string& row, EvictionPolicy policy, const PrefetchSource& source) -> absl::Status {
      ReplayOptions run = replay;
      run.policy = policy;
      run.source = source;
      FOREGATE_ASSIGN_OR_RETURN(ReplayResult result, Replay(trace, run));
      memory.rows.push_back({.name = row, .result = std::move(result)});
      return absl::OkStatus();
    };
    FOREGATE_RETURN_IF_ERROR(add("lru", EvictLeastRecentlyUsed, {}));
    FOREGATE_RETURN_IF_ERROR(add("expected", EvictFarthestExpectedUse, {}));
    for (const std::string& text : options.sources) {
      FOREGATE_ASSIGN_OR_RETURN(const PrefetchSource source, ParsePrefetchSource(text, options.lead));
      FOREGATE_RETURN_IF_ERROR(add(text, EvictFarthestExpectedUse, source));
    }
    FOREGATE_RETURN_IF_ERROR(add("belady", EvictFarthestUse, {}));
    report.memories.push_back(std::move(memory));
  }
  return report;
}

std::string PrefetchTable(const PrefetchReport& report) {
  std::string table;
  for (const PrefetchReport::Trace& trace : report.traces) {
    table += trace.name + ", virtual time" +
             (report.num_streams > 1 ? ", " + std::to_string(report.num_streams) + " streams" : "") +
             (report.after_rows > 0 ? ", rates after " + std::to_string(report.after_rows) + " tokens" : "") + "\n";
    table +=
        "memory %  source          hit %   stall s demand G  commit G  guess G  waste G  tokens/s x demand    x lru "
        "x blocking\n";
    for (const PrefetchReport::Memory& memory : trace.memories)
      for (const PrefetchReport::Row& row : memory.rows) table += RowText(report, memory, row);
  }
  return table;
}

std::string PrefetchJson(const PrefetchReport& report) {
  Json traces = Json::array();
  for (const PrefetchReport::Trace& trace : report.traces) {
    Json memories = Json::array();
    for (const PrefetchReport::Memory& memory : trace.memories) {
      Json rows = Json::array();
      for (const PrefetchReport::Row& row : memory.rows) rows.push_back(RowJson(report, memory, row));
      memories.push_back({{"memory_percent", memory.percent},
                          {"expert_seconds", memory.expert_seconds},
                          {"layer_seconds", memory.layer_seconds},
                          {"results", std::move(rows)}});
    }
    traces.push_back({{"name", trace.name}, {"memories", std::move(memories)}});
  }
  const Json json = {
      {"streams", report.num_streams}, {"after_tokens", report.after_rows}, {"traces", std::move(traces)}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace foregate
