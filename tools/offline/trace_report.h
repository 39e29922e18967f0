// What `foregate trace summary` and `replay` print: tables, JSON and a plot of hit rate against memory.
#ifndef FOREGATE_TOOLS_OFFLINE_TRACE_REPORT_H_
#define FOREGATE_TOOLS_OFFLINE_TRACE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/moe/replay/replay.h"
#include "engine/moe/trace/route_trace_format.h"
#include "engine/moe/trace/route_trace_summary.h"

namespace foregate {

std::string SummaryTable(const TraceHeader& header, const TraceSummary& summary);
std::string SummaryJson(const TraceHeader& header, const TraceSummary& summary);

// All replays of some traces: every trace has a result for every memory and policy.
struct ReplayReport {
  struct Trace {
    std::string name;
    uint64_t expert_bytes = 0;
    uint64_t round_bytes = 0;           // of one decode step's experts; 0 when unknown
    std::vector<ReplayResult> results;  // [memories, policies]
  };
  std::vector<double> memory_percents;
  std::vector<std::string> policies;
  bool has_time = false;  // a bandwidth was given, so stalls mean something
  size_t num_streams = 1;
  std::vector<Trace> traces;

  const ReplayResult& result(const Trace& trace, size_t memory, size_t policy) const {
    return trace.results[memory * policies.size() + policy];
  }
  // Of the distance from the policy "lru" to "belady", in percent; NaN without both, or where they are within 0.05
  // points.
  double GapClosed(const Trace& trace, size_t memory, size_t policy) const;
  // Over traces, of hit rate in percent.
  double MeanHitRate(size_t memory, size_t policy) const;
};

std::string ReplayTable(const ReplayReport& report);
std::string ReplayJson(const ReplayReport& report);
// Mean hit rate over traces against memory, a line per policy: an SVG file.
std::string ReplayPlot(const ReplayReport& report);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_TRACE_REPORT_H_
