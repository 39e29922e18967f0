// Routing traces from CSV files: the recorder's own (engine/moe/route_recorder.h), what export writes (whole_csv.h),
// and "route_trace v1" of BigMoeOnEdge, which has a line per choice with its mixing weight, and each layer's expert
// bytes. docs/route_trace.md lists columns.
//
// The file is untrusted and read twice, line by line, in bounded memory.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_IMPORT_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_IMPORT_H_

#include <cstdint>
#include <istream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_writer.h"

namespace foregate {

// What the recorder's own CSV does not say.
struct TraceImportOptions {
  int32_t num_experts = 0;    // 0: the largest that occurs, plus one
  uint64_t expert_bytes = 1;  // of every layer; with 1, bytes count experts
};

// Writes the whole trace, end mark included, and returns the number of visits. `name` stands in messages, and in the
// trace as its source where the file names none. INVALID_ARGUMENT with the line's number for what is not understood;
// the sink's error.
absl::StatusOr<uint64_t> ImportRouteCsv(std::istream& csv, const std::string& name, const TraceImportOptions& options,
                                        TraceWriter::Sink sink);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_IMPORT_H_
