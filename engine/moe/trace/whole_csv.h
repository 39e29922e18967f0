// The CSV that holds all of a routing trace: what `foregate trace export` writes and import reads back. Other than the
// recorder's own it has requests, phases, mixing weights, and the shape (docs/route_trace.md lists its columns).
#ifndef FOREGATE_ENGINE_MOE_TRACE_WHOLE_CSV_H_
#define FOREGATE_ENGINE_MOE_TRACE_WHOLE_CSV_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/trace/csv_lines.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "engine/moe/trace/route_trace_writer.h"

namespace foregate {

inline constexpr std::string_view kWholeCsvMark = "# foregate route trace v1";

// Writes the trace up to its end or its tear, which the reader's `torn` tells, and returns the number of visits. Read
// back it is the same trace, but for control characters of its source, which become spaces, and visits of one layer
// that follow each other in one step, which become one. The errors of reader and sink.
absl::StatusOr<uint64_t> ExportRouteCsv(TraceReader& reader, const std::function<absl::Status(std::string_view)>& sink);

// The header, and then the visits, of a file whose first line is the mark; for ImportRouteCsv. `lines` stands at the
// first line. INVALID_ARGUMENT naming the line, and of a visit that is wrong its last.
absl::StatusOr<TraceHeader> ScanWholeCsv(CsvLines& lines);
absl::Status CopyWholeCsv(CsvLines& lines, const TraceHeader& header, TraceWriter& writer);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_WHOLE_CSV_H_
