// RouteRecorder: routing decisions as they are made, kept as a trace of bounded size, in one of two forms: CSV, or the
// compact one of files (docs/route_trace.md).
//
// The compact form is written by TraceWriter as the rows come. Measured with OLMoE's shape (16 layers, top-8 of 64,
// mixing weights; one thread of the machine of docs/benchmarks.md, beside other jobs, median of 15 runs, 2026-11-23):
// 270 ns for a row of one layer alone in its visit, 210 to 260 ns in visits of 8 to 256 rows, CSV 310 to 390, counting
// included (20 to 50). That is 4 us of a step of 106 ms for one stream. So it is done on the engine thread: handing
// rows to another would cost about as much as writing them.
#ifndef FOREGATE_ENGINE_MOE_ROUTE_RECORDER_H_
#define FOREGATE_ENGINE_MOE_ROUTE_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

enum class RouteTraceForm : uint8_t { kCsv, kCompact };

struct RouteRecording {
  size_t max_bytes = 0;  // then the trace is closed
  RouteTraceForm form = RouteTraceForm::kCsv;
  // Of the compact form's header.
  std::string source = {};
  std::vector<uint64_t> expert_bytes = {};  // of one expert, by MoE layer; empty: 1
};

struct RecordedRoutes {
  RouteTraceForm form = RouteTraceForm::kCsv;
  std::vector<std::string> parts;  // one behind the other; each at most a few hundred KiB
  bool truncated = false;          // closed before it was stopped
};

// The rows of one MoE layer in one step.
struct RoutedRows {
  size_t moe_layer_index = 0;
  uint64_t step = 0;
  std::span<const TraceRow> rows;
  std::span<const int32_t> experts;  // [rows, top_k]
  std::span<const float> weights;    // [rows, top_k], or empty: the compact form then has zeros
};

// Thread-compatible.
class RouteRecorder {
 public:
  virtual ~RouteRecorder() = default;
  // False when the trace is closed: it was full, or the rows are beyond what the form can hold.
  virtual bool Add(const RoutedRows& routed) = 0;
  // The whole trace. No Add may follow.
  virtual RecordedRoutes Finish() = 0;
};

// `moe_layers`: the model layers that route. INVALID_ARGUMENT for a shape outside the compact form's limits, or when
// its header alone is larger than the recording may become.
absl::StatusOr<std::unique_ptr<RouteRecorder>> MakeRouteRecorder(const std::vector<int32_t>& moe_layers,
                                                                 int32_t num_experts, int32_t top_k,
                                                                 const RouteRecording& recording);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTE_RECORDER_H_
