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
  std::string ops_origin;
  KernelReach reach;
  double disk_bytes_per_second = 0;  // 0: nothing is read from it
  std::string disk_origin;
  ReadShape disk_shape;  // measured with the rate, else assumed
  bool has_disk_shape = false;
  std::string routing;             // "uniform, ..." or the trace
  std::string prefetch;            // what is read ahead; empty: nothing
  std::vector<std::string> notes;  // what keeps the daemon from doing this, or so many streams from running
  std::vector<DecodeForecast> forecasts;
};

std::string PlanTable(const PlanReport& report);
// One object: the same figures, in bytes, seconds and shares of one.
std::string PlanJson(const PlanReport& report);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_PLAN_REPORT_H_
