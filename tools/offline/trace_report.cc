#include "tools/offline/trace_report.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <limits>

#include "nlohmann/json.hpp"
#include "tools/offline/line_chart.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

__attribute__((format(printf, 1, 2))) std::string Format(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

double Percent(const ReplayResult& result) { return 100 * result.total.hit_rate(); }

std::string Dump(const Json& json) { return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"; }

size_t PolicyIndex(const ReplayReport& report, const char* name) {
  return static_cast<size_t>(std::find(report.policies.begin(), report.policies.end(), name) - report.policies.begin());
}

std::string GapText(double gap) { return std::isnan(gap) ? "-" : Format("%.0f", gap); }

Json CountsJson(const ReplayCounts& counts) {
  return {{"wanted", counts.num_wanted},
          {"hits", counts.num_hits},
          {"bytes_wanted", counts.bytes_wanted},
          {"bytes_read", counts.bytes_read},
          {"hit_percent", 100 * counts.hit_rate()}};
}

std::string TimeColumns(const ReplayReport& report, const ReplayResult& result) {
  if (!report.has_time) return "";
  return Format(" %10.2f %10.2f %10.2f", result.compute_seconds, result.stall_seconds, result.blocking_stall_seconds);
}

}  // namespace

std::string SummaryTable(const TraceHeader& header, const TraceSummary& summary) {
  const double all = static_cast<double>(summary.expert_bytes);
  std::string table = "source             " + header.source + "\n";
  table += Format("shape              %zu MoE layers, %d experts, top-%d%s\n", header.layers.size(), header.num_experts,
                  header.top_k, header.has_weights ? ", mixing weights" : "");
  table += Format("expert bytes       %.3f GB\n", all / 1e9);
  table +=
      Format("length             %llu visits, %llu steps, %llu requests\n",
             static_cast<unsigned long long>(summary.num_visits), static_cast<unsigned long long>(summary.num_steps),
             static_cast<unsigned long long>(summary.num_requests));
  table += Format("rows               %llu prefill, %llu decode\n",
                  static_cast<unsigned long long>(summary.num_prefill_rows),
                  static_cast<unsigned long long>(summary.num_decode_rows));
  table += Format("experts used       %llu of %llu\n", static_cast<unsigned long long>(summary.num_experts_used),
                  static_cast<unsigned long long>(summary.num_experts));
  table += Format("decode visit       %.2f experts, %.1f %% of them the visit before had as well\n",
                  summary.experts_per_visit, 100 * summary.reused_share);
  table += Format("decode step        %.1f MB of experts, %.2f %% of all: one round of the layers\n",
                  summary.bytes_per_step / 1e6, 100 * summary.bytes_per_step / all);
  table += Format("skew               hottest expert %.1f times uniform, top quarter has %.0f %% of choices\n",
                  summary.hottest_times_uniform, 100 * summary.top_quarter_share);
  return table;
}

std::string SummaryJson(const TraceHeader& header, const TraceSummary& summary) {
  Json layers = Json::array();
  for (const TraceHeader::Layer& layer : header.layers)
    layers.push_back({{"layer", layer.layer}, {"expert_bytes", layer.expert_bytes}});
  return Dump({{"source", header.source},
               {"layers", layers},
               {"num_experts", header.num_experts},
               {"top_k", header.top_k},
               {"has_weights", header.has_weights},
               {"visits", summary.num_visits},
               {"steps", summary.num_steps},
               {"requests", summary.num_requests},
               {"prefill_rows", summary.num_prefill_rows},
               {"decode_rows", summary.num_decode_rows},
               {"experts", summary.num_experts},
               {"experts_used", summary.num_experts_used},
               {"expert_bytes", summary.expert_bytes},
               {"experts_per_decode_visit", summary.experts_per_visit},
               {"bytes_per_decode_step", summary.bytes_per_step},
               {"reused_percent", 100 * summary.reused_share},
               {"hottest_times_uniform", summary.hottest_times_uniform},
               {"top_quarter_percent", 100 * summary.top_quarter_share}});
}

double ReplayReport::GapClosed(const Trace& trace, size_t memory, size_t policy) const {
  const size_t lru = PolicyIndex(*this, "lru"), belady = PolicyIndex(*this, "belady");
  if (lru == policies.size() || belady == policies.size()) return std::numeric_limits<double>::quiet_NaN();
  const double low = Percent(result(trace, memory, lru)), high = Percent(result(trace, memory, belady));
  if (high - low < 0.05) return std::numeric_limits<double>::quiet_NaN();
  return 100 * (Percent(result(trace, memory, policy)) - low) / (high - low);
}

double ReplayReport::MeanHitRate(size_t memory, size_t policy) const {
  double sum = 0;
  for (const Trace& trace : traces) sum += Percent(result(trace, memory, policy));
  return sum / static_cast<double>(traces.size());
}

std::string ReplayTable(const ReplayReport& report) {
  std::string table;
  for (const ReplayReport::Trace& trace : report.traces) {
    table += Format("%s: experts %.3f GB, one round %.2f %% of them%s\n", trace.name.c_str(),
                    static_cast<double>(trace.expert_bytes) / 1e9,
                    100 * static_cast<double>(trace.round_bytes) / static_cast<double>(trace.expert_bytes),
                    report.num_streams > 1 ? Format(", %zu streams", report.num_streams).c_str() : "");
    table += "memory %  policy      hit %    read GB  of the gap %" +
             std::string(report.has_time ? "  compute s    stall s blocking s" : "") + "\n";
    for (size_t memory = 0; memory < report.memory_percents.size(); ++memory) {
      for (size_t policy = 0; policy < report.policies.size(); ++policy) {
        const ReplayResult& result = report.result(trace, memory, policy);
        table +=
            Format("%8.3g  %-10s %6.2f %10.3f %13s", report.memory_percents[memory], report.policies[policy].c_str(),
                   Percent(result), static_cast<double>(result.total.bytes_read) / 1e9,
                   GapText(report.GapClosed(trace, memory, policy)).c_str()) +
            TimeColumns(report, result) + "\n";
      }
    }
  }
  if (report.traces.size() < 2) return table;
  table +=
      Format("mean of %zu traces\nmemory %%  policy      hit %%               of the gap %%\n", report.traces.size());
  for (size_t memory = 0; memory < report.memory_percents.size(); ++memory) {
    for (size_t policy = 0; policy < report.policies.size(); ++policy) {
      double gaps = 0;
      size_t num_gaps = 0;
      for (const ReplayReport::Trace& trace : report.traces) {
        const double gap = report.GapClosed(trace, memory, policy);
        if (std::isnan(gap)) continue;
        gaps += gap;
        ++num_gaps;
      }
      table +=
          Format("%8.3g  %-10s %6.2f %10s %13s\n", report.memory_percents[memory], report.policies[policy].c_str(),
                 report.MeanHitRate(memory, policy), "",
                 GapText(num_gaps > 0 ? gaps / static_cast<double>(num_gaps) : std::numeric_limits<double>::quiet_NaN())
                     .c_str());
    }
  }
  return table;
}

std::string ReplayJson(const ReplayReport& report) {
  Json traces = Json::array();
  for (const ReplayReport::Trace& trace : report.traces) {
    Json results = Json::array();
    for (size_t memory = 0; memory < report.memory_percents.size(); ++memory) {
      for (size_t policy = 0; policy < report.policies.size(); ++policy) {
        const ReplayResult& result = report.result(trace, memory, policy);
        Json json = {{"memory_percent", report.memory_percents[memory]}, {"policy", report.policies[policy]}};
        json.update(CountsJson(result.total));
        json["first_reads"] = result.num_first_reads;
        json["evictions"] = result.num_evictions;
        const double gap = report.GapClosed(trace, memory, policy);
        json["gap_closed_percent"] = std::isnan(gap) ? Json() : Json(gap);
        if (report.has_time) {
          json["compute_seconds"] = result.compute_seconds;
          json["stall_seconds"] = result.stall_seconds;
          json["blocking_stall_seconds"] = result.blocking_stall_seconds;
        }
        json["layer_groups"] = Json::array();
        for (const ReplayCounts& group : result.groups) json["layer_groups"].push_back(CountsJson(group));
        results.push_back(std::move(json));
      }
    }
    traces.push_back({{"name", trace.name},
                      {"expert_bytes", trace.expert_bytes},
                      {"round_bytes", trace.round_bytes},
                      {"results", std::move(results)}});
  }
  return Dump({{"streams", report.num_streams}, {"traces", std::move(traces)}});
}

std::string ReplayPlot(const ReplayReport& report) {
  LineChart chart{.title = "Hit rate of experts in replayed traces",
                  .x_title = "memory, % of all experts' bytes",
                  .y_title = "hit rate, % of bytes",
                  .max_x = 10,
                  .lines = {}};
  for (const double percent : report.memory_percents) chart.max_x = std::max(chart.max_x, std::ceil(percent / 10) * 10);
  for (size_t policy = 0; policy < report.policies.size(); ++policy) {
    LineChart::Line line{.name = report.policies[policy], .points = {}};
    for (size_t memory = 0; memory < report.memory_percents.size(); ++memory)
      line.points.emplace_back(report.memory_percents[memory], report.MeanHitRate(memory, policy));
    std::sort(line.points.begin(), line.points.end());
    chart.lines.push_back(std::move(line));
  }
  return chart.Svg();
}

}  // namespace foregate
