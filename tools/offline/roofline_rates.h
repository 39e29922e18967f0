// The two rates of this machine that bound a step of a decoder: reading weights from memory, and multiplying in the
// fastest instruction for their format.
#ifndef FOREGATE_TOOLS_OFFLINE_ROOFLINE_RATES_H_
#define FOREGATE_TOOLS_OFFLINE_ROOFLINE_RATES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

struct RooflineRates {
  int num_threads = 0;
  double read_bytes_per_second = 0;  // from memory
  double ops_per_second = 0;         // a multiply and an add are two
  std::string instruction;           // that reaches it
};

// Medians over windows of 0.4 s in all: what the machine gives now, not its best. `num_threads` 0: one per CPU that
// this process may use. `format`: of the weights, as WeightFormatName says it. RESOURCE_EXHAUSTED when memory or
// threads are not to be had.
absl::StatusOr<RooflineRates> MeasureRooflineRates(int num_threads, std::string_view format);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_ROOFLINE_RATES_H_
