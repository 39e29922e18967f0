// What `foregate trace replay --prefetch` does and prints: traces replayed with reads ahead of demand, beside demand
// alone and Belady's bound, all in virtual time.
#ifndef FOREGATE_TOOLS_OFFLINE_PREFETCH_REPORT_H_
#define FOREGATE_TOOLS_OFFLINE_PREFETCH_REPORT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/replay/replay.h"
#include "engine/moe/replay/replay_balance.h"
#include "engine/moe/replay/replay_trace.h"

namespace foregate {

struct PrefetchReport {
  struct Row {
    std::string name;  // of a policy on demand alone, or of a source
    ReplayResult result;
  };
  struct Memory {
    double percent = 0;
    double expert_seconds = 0;
    double layer_seconds = 0;
    std::vector<Row> rows;  // "lru", "expected", the sources, "belady"
  };
  struct Trace {
    std::string name;
    std::vector<Memory> memories;
  };
  size_t num_streams = 1;
  size_t after_rows = 0;  // rates are over the steps after so many rows
  std::vector<Trace> traces;
};

struct PrefetchReportOptions {
  ReplayOptions replay;  // all but memory, policy and source
  std::vector<double> memory_percents;
  std::vector<std::string> sources;  // as ParsePrefetchSource takes them
  int32_t lead = 1;
  bool is_balanced = false;  // else `replay` says how long computing takes
  ReplayBalance balance;
};

// "committed", "predictor", "speculation:88" (in percent). INVALID_ARGUMENT for anything else.
absl::StatusOr<PrefetchSource> ParsePrefetchSource(const std::string& text, int32_t lead);

// One trace's part of the report. Replay's and Balance's errors.
absl::StatusOr<PrefetchReport::Trace> ReplayPrefetches(const ReplayTrace& trace, const std::string& name,
                                                       const PrefetchReportOptions& options);

std::string PrefetchTable(const PrefetchReport& report);
std::string PrefetchJson(const PrefetchReport& report);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_PREFETCH_REPORT_H_
