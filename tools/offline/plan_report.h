// What `foregate plan` prints.
#ifndef FOREGATE_TOOLS_OFFLINE_PLAN_REPORT_H_
#define FOREGATE_TOOLS_OFFLINE_PLAN_REPORT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/moe/store/read_shape.h"
#include "server/lifecycle/memory_division.h"
#include "tools/offline/decode_forecast.h"

namespace foregate {

struct PlanReport {
  std::string model;
  MemoryDivision division;
  int32_t context_tokens = 0;
  // Rates, and where they come from: "measured on FILE", "as given".
  int num_threads = 0;
  double read_bytes_per_second = 0;
  std::string read_origin;
  double ops_per_second = 0;
  KernelReach reach;
  double disk_bytes_per_second = 0;  // 0: nothing is read from it
  std::string disk_origin;
  ReadShape disk_shape;
  std::string routing;   // "uniform, ..." or the trace
  std::string prefetch;  // what is read ahead; empty: nothing
  std::string note;      // what keeps so many streams from running; empty: nothing
  std::vector<DecodeForecast> forecasts;
};

std::string PlanTable(const PlanReport& report);
// One object; docs/operations.md lists its keys.
std::string PlanJson(const PlanReport& report);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_PLAN_REPORT_H_
