// TraceReader: the visits of a routing trace from untrusted bytes, in bounded memory.
//
// Holds one chunk (at most 32 MiB). Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_READER_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_READER_H_

#include <cstdint>
#include <istream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/moe/trace/route_trace_format.h"

namespace foregate {

class TraceReader {
 public:
  // Reads the header. `stream` must outlive the reader; `name` stands in messages. INVALID_ARGUMENT for what is no
  // routing trace, another version or a header outside the limits; DATA_LOSS for a header that is cut or whose checksum
  // is wrong.
  static absl::StatusOr<TraceReader> Open(std::istream& stream, std::string name);

  const TraceHeader& header() const { return header_; }

  // The next visit; false after the last one. A torn file (cut, or with a damaged chunk) ends at its last whole chunk:
  // then `torn` says where and why. INVALID_ARGUMENT, naming the chunk's offset, when a chunk that is whole holds what
  // the format does not allow.
  absl::StatusOr<bool> Next(TraceVisit* visit);

  // OK, or DATA_LOSS once Next() returned false before the trace's end mark.
  const absl::Status& torn() const { return torn_; }
  uint64_t num_visits() const { return num_visits_; }

 private:
  TraceReader(std::istream& stream, std::string name) : stream_(&stream), name_(std::move(name)) {}
  std::string Read(size_t count);
  absl::Status ReadHeader();
  absl::Status ParseHeader(const std::string& body);
  // True when a chunk was read; false at the end, with `torn_` set where it is not the mark.
  absl::StatusOr<bool> ReadChunk();
  bool Tear(const std::string& why);
  absl::Status ParseVisit(TraceVisit* visit);
  absl::Status Malformed(const std::string& what) const;

  std::istream* stream_;
  std::string name_;
  TraceHeader header_;
  absl::Status torn_;
  bool is_at_end_ = false;
  uint64_t offset_ = 0;        // of the stream
  uint64_t chunk_offset_ = 0;  // where the chunk's frame begins
  std::string chunk_;
  size_t chunk_position_ = 0;
  uint64_t chunk_last_visit_ = 0;  // visits of the trace up to the chunk's end
  std::vector<TraceRow> previous_rows_;
  uint64_t previous_step_ = 0;
  uint64_t last_step_ = 0;
  uint64_t num_visits_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_READER_H_
