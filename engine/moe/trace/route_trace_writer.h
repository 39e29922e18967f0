// TraceWriter: a routing trace as bytes, chunk by chunk, in bounded memory.
//
// Holds one chunk: 64 KiB and the largest visit. A file that ends without Finish() (a crash, a full disk) is read up to
// its last whole chunk. Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_WRITER_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

class TraceWriter {
 public:
  // Takes the trace's next bytes. Its error becomes the writer's.
  using Sink = std::function<absl::Status(std::string_view bytes)>;

  // Hands the header to `sink` at once. INVALID_ARGUMENT for one outside the format's limits.
  static absl::StatusOr<TraceWriter> Create(const TraceHeader& header, Sink sink);

  // INVALID_ARGUMENT, with nothing written, for a visit that does not fit the header or whose step is before the last
  // one's. After an error of the sink every call returns that error.
  absl::Status Write(const TraceVisit& visit);
  // The last chunk and the end mark. No Write may follow.
  absl::Status Finish();

  uint64_t num_visits() const { return num_visits_; }
  // Written and not handed to the sink yet.
  size_t chunk_bytes() const { return chunk_.size(); }

 private:
  TraceWriter(const TraceHeader& header, Sink sink) : header_(header), sink_(std::move(sink)) {}
  absl::Status Flush(uint32_t mark);

  TraceHeader header_;
  Sink sink_;
  absl::Status status_;
  std::string chunk_;
  std::vector<TraceRow> previous_rows_;  // of this chunk
  uint64_t previous_step_ = 0;           // of this chunk; 0 at its start
  uint64_t last_step_ = 0;
  uint64_t num_visits_ = 0;
};

// More than what the visit takes in a chunk.
size_t TraceVisitBytes(const TraceVisit& visit);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_WRITER_H_
