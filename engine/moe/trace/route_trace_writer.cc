#include "engine/moe/trace/route_trace_writer.h"

#include <utility>

#include "engine/moe/trace/trace_bytes.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

std::string HeaderBytes(const TraceHeader& header) {
  std::string bytes;
  AppendWord(static_cast<uint32_t>(header.layers.size()), &bytes);
  AppendWord(static_cast<uint32_t>(header.num_experts), &bytes);
  AppendWord(static_cast<uint32_t>(header.top_k), &bytes);
  AppendWord(static_cast<uint32_t>(header.has_weights ? 1 : 0), &bytes);
  for (const TraceHeader::Layer& layer : header.layers) {
    AppendWord(static_cast<uint32_t>(layer.layer), &bytes);
    AppendWord(layer.expert_bytes, &bytes);
  }
  AppendWord(static_cast<uint32_t>(header.source.size()), &bytes);
  return bytes + header.source;
}

}  // namespace

size_t TraceVisitBytes(const TraceVisit& visit) {
  // Varints of 64 bits take 10 bytes, of 32 bits 5, of experts 3.
  return 10 + 5 + 5 + visit.rows.size() * (10 + 5) + visit.experts.size() * 3 + visit.weights.size() * 2;
}

absl::StatusOr<TraceWriter> TraceWriter::Create(const TraceHeader& header, Sink sink) {
  FOREGATE_RETURN_IF_ERROR(CheckTraceHeader(header, "trace header"));
  const std::string body = HeaderBytes(header);
  std::string bytes(kTraceMagic);
  AppendWord(kTraceVersion, &bytes);
  AppendWord(static_cast<uint32_t>(body.size()), &bytes);
  AppendWord(TraceChecksum(bytes, body), &bytes);
  FOREGATE_CHECK_EQ(bytes.size(), kTracePreambleBytes);
  FOREGATE_RETURN_IF_ERROR(sink(bytes + body));
  return TraceWriter(header, std::move(sink));
}

absl::Status TraceWriter::Write(const TraceVisit& visit) {
  FOREGATE_RETURN_IF_ERROR(status_);
  FOREGATE_RETURN_IF_ERROR(CheckTraceVisit(header_, visit));
  if (visit.step < last_step_)
    return absl::InvalidArgumentError("trace: step " + std::to_string(visit.step) + " after step " +
                                      std::to_string(last_step_));
  const size_t begin = chunk_.size();
  chunk_.resize(begin + TraceVisitBytes(visit));
  char* place = PutVarint(visit.step - previous_step_, chunk_.data() + begin);
  place = PutVarint(static_cast<uint64_t>(visit.layer_index), place);
  // A step has the same rows in all its layers: they are written once.
  const bool has_same_rows = visit.rows == previous_rows_;
  place = PutVarint(visit.rows.size() << 1 | (has_same_rows ? 1 : 0), place);
  for (const TraceRow& row : visit.rows) {
    if (has_same_rows) break;
    place = PutVarint(row.request, place);
    place = PutVarint(static_cast<uint64_t>(row.position) << 1 | (row.phase == TracePhase::kDecode ? 1 : 0), place);
  }
  for (const int32_t expert : visit.experts) place = PutVarint(static_cast<uint64_t>(expert), place);
  for (const float weight : visit.weights) place = PutWord(F32ToBf16(weight), place);
  chunk_.resize(static_cast<size_t>(place - chunk_.data()));
  if (!has_same_rows) previous_rows_ = visit.rows;
  previous_step_ = last_step_ = visit.step;
  ++num_visits_;
  return chunk_.size() < kTraceChunkTargetBytes ? absl::OkStatus() : Flush(kTraceChunkMark);
}

absl::Status TraceWriter::Finish() {
  FOREGATE_RETURN_IF_ERROR(status_);
  if (!chunk_.empty()) FOREGATE_RETURN_IF_ERROR(Flush(kTraceChunkMark));
  FOREGATE_RETURN_IF_ERROR(Flush(kTraceEndMark));
  status_ = absl::FailedPreconditionError("the trace is finished");
  return absl::OkStatus();
}

// A chunk stands alone: what later visits lean on begins anew.
absl::Status TraceWriter::Flush(uint32_t mark) {
  std::string frame;
  AppendWord(mark, &frame);
  AppendWord(static_cast<uint32_t>(chunk_.size()), &frame);
  AppendWord(num_visits_, &frame);
  AppendWord(TraceChecksum(frame, chunk_), &frame);
  FOREGATE_CHECK_EQ(frame.size(), kTraceChunkFrameBytes);
  status_ = sink_(frame);
  if (status_.ok() && !chunk_.empty()) status_ = sink_(chunk_);
  chunk_.clear();
  previous_rows_.clear();
  previous_step_ = 0;
  return status_;
}

}  // namespace foregate
