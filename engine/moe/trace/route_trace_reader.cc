#include "engine/moe/trace/route_trace_reader.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "engine/moe/trace/trace_bytes.h"
#include "kernels/base/float_types.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr size_t kMaxHeaderBytes = 20 + 12 * kMaxTraceLayers + kMaxTraceSourceBytes;

}  // namespace

absl::StatusOr<TraceReader> TraceReader::Open(std::istream& stream, std::string name) {
  TraceReader reader(stream, std::move(name));
  FOREGATE_RETURN_IF_ERROR(reader.ReadHeader());
  return reader;
}

// As many as there are, in steps: a length in a broken file allocates no more than the file has.
std::string TraceReader::Read(size_t count) {
  constexpr size_t kStepBytes = 1 << 16;
  std::string bytes;
  while (bytes.size() < count && stream_->good()) {
    const size_t have = bytes.size();
    bytes.resize(std::min(count, have + kStepBytes));
    stream_->read(bytes.data() + have, static_cast<std::streamsize>(bytes.size() - have));
    bytes.resize(have + static_cast<size_t>(stream_->gcount()));
  }
  offset_ += bytes.size();
  return bytes;
}

absl::Status TraceReader::ReadHeader() {
  const std::string preamble = Read(kTracePreambleBytes);
  if (!preamble.starts_with(kTraceMagic)) return absl::InvalidArgumentError(name_ + ": no routing trace of Foregate");
  TraceBytes words(preamble);
  words.Take(kTraceMagic.size());
  const auto version = words.TakeWord<uint32_t>();
  const auto num_bytes = words.TakeWord<uint32_t>();
  const size_t checksum_offset = words.offset();
  const auto checksum = words.TakeWord<uint64_t>();
  if (!words.is_good()) return absl::DataLossError(name_ + ": cut at offset " + std::to_string(offset_));
  if (version != kTraceVersion)
    return absl::InvalidArgumentError(name_ + ": routing trace of version " + std::to_string(version) +
                                      ", this build reads " + std::to_string(kTraceVersion));
  if (num_bytes > kMaxHeaderBytes)
    return absl::InvalidArgumentError(name_ + ": a header of " + std::to_string(num_bytes) + " bytes");
  const std::string body = Read(num_bytes);
  if (body.size() < num_bytes) return absl::DataLossError(name_ + ": cut at offset " + std::to_string(offset_));
  if (TraceChecksum(std::string_view(preamble).substr(0, checksum_offset), body) != checksum)
    return absl::DataLossError(name_ + ": the header's checksum is wrong");
  return ParseHeader(body);
}

absl::Status TraceReader::ParseHeader(const std::string& body) {
  TraceBytes words(body);
  const auto num_layers = words.TakeWord<uint32_t>();
  const auto num_experts = words.TakeWord<uint32_t>();
  const auto top_k = words.TakeWord<uint32_t>();
  const auto flags = words.TakeWord<uint32_t>();
  constexpr uint32_t kMaxNumber = std::numeric_limits<int32_t>::max();
  if (num_layers > kMaxTraceLayers || num_experts > kMaxNumber || top_k > kMaxNumber || flags > 1)
    return absl::InvalidArgumentError(name_ + ": header: layers, experts, top-k or flags out of range");
  header_.num_experts = static_cast<int32_t>(num_experts);
  header_.top_k = static_cast<int32_t>(top_k);
  header_.has_weights = flags == 1;
  for (uint32_t i = 0; i < num_layers && words.is_good(); ++i) {
    const auto layer = words.TakeWord<uint32_t>();
    header_.layers.push_back({static_cast<int32_t>(layer), words.TakeWord<uint64_t>()});
  }
  header_.source = words.Take(words.TakeWord<uint32_t>());
  if (!words.is_good() || words.remaining() != 0)
    return absl::InvalidArgumentError(name_ + ": a header of " + std::to_string(body.size()) +
                                      " bytes does not fit what it lists");
  return CheckTraceHeader(header_, name_);
}

bool TraceReader::Tear(const std::string& why) {
  is_at_end_ = true;
  torn_ = absl::DataLossError(name_ + ": torn at offset " + std::to_string(chunk_offset_) + " (" + why + "): the " +
                              std::to_string(num_visits_) + " visits before it are whole");
  return false;
}

absl::StatusOr<bool> TraceReader::ReadChunk() {
  if (is_at_end_) return false;
  chunk_offset_ = offset_;
  const std::string frame = Read(kTraceChunkFrameBytes);
  if (frame.size() < kTraceChunkFrameBytes) return Tear(frame.empty() ? "no end mark" : "a chunk is cut");
  TraceBytes words(frame);
  const auto mark = words.TakeWord<uint32_t>();
  const auto num_bytes = words.TakeWord<uint32_t>();
  const auto num_visits = words.TakeWord<uint64_t>();
  const size_t checksum_offset = words.offset();
  const auto checksum = words.TakeWord<uint64_t>();
  if (mark != kTraceChunkMark && mark != kTraceEndMark) return Tear("no chunk begins here");
  if (num_bytes > kMaxTraceChunkBytes) return Tear("a chunk of " + std::to_string(num_bytes) + " bytes");
  chunk_ = Read(num_bytes);
  if (chunk_.size() < num_bytes) return Tear("a chunk is cut");
  if (TraceChecksum(std::string_view(frame).substr(0, checksum_offset), chunk_) != checksum)
    return Tear("a chunk's checksum is wrong");
  if (mark == kTraceEndMark) {
    if (num_visits != num_visits_ || num_bytes != 0) return Tear("chunks are missing before the end mark");
    is_at_end_ = true;
    return false;
  }
  if (num_visits <= num_visits_) return Malformed("visits are numbered backwards");
  chunk_last_visit_ = num_visits;
  chunk_position_ = 0;
  previous_rows_.clear();
  previous_step_ = 0;
  return true;
}

absl::Status TraceReader::Malformed(const std::string& what) const {
  return absl::InvalidArgumentError(name_ + ": chunk at offset " + std::to_string(chunk_offset_) + ", byte " +
                                    std::to_string(chunk_position_) + ", visit " + std::to_string(num_visits_) + ": " +
                                    what);
}

absl::StatusOr<bool> TraceReader::Next(TraceVisit* visit) {
  if (num_visits_ == chunk_last_visit_) {
    if (chunk_position_ != chunk_.size()) return Malformed("bytes after the last visit");
    FOREGATE_ASSIGN_OR_RETURN(const bool has_chunk, ReadChunk());
    if (!has_chunk) return false;
  }
  FOREGATE_RETURN_IF_ERROR(ParseVisit(visit));
  return true;
}

absl::Status TraceReader::ParseVisit(TraceVisit* visit) {
  TraceBytes bytes(std::string_view(chunk_).substr(chunk_position_));
  const uint64_t step_delta = bytes.TakeVarint();
  const uint64_t layer_index = bytes.TakeVarint();
  const uint64_t rows = bytes.TakeVarint();
  const uint64_t num_rows = rows >> 1;
  if (!bytes.is_good()) return Malformed("cut");
  if (step_delta > std::numeric_limits<uint64_t>::max() - previous_step_) return Malformed("a step beyond 64 bits");
  if (layer_index >= header_.layers.size()) return Malformed("layer number " + std::to_string(layer_index));
  if (num_rows == 0 || num_rows > kMaxTraceRows) return Malformed(std::to_string(num_rows) + " rows");
  visit->step = previous_step_ + step_delta;
  if (visit->step < last_step_) return Malformed("step " + std::to_string(visit->step) + " after a later one");
  visit->layer_index = static_cast<int32_t>(layer_index);
  if ((rows & 1) != 0) {
    if (num_rows != previous_rows_.size()) return Malformed("not the rows of the visit before");
  } else {
    previous_rows_.clear();
    for (uint64_t i = 0; i < num_rows && bytes.is_good(); ++i) {
      const uint64_t request = bytes.TakeVarint();
      const uint64_t position = bytes.TakeVarint();
      if (position >> 1 > std::numeric_limits<int32_t>::max()) return Malformed("a position beyond 31 bits");
      previous_rows_.push_back({request, static_cast<int32_t>(position >> 1),
                                (position & 1) != 0 ? TracePhase::kDecode : TracePhase::kPrefill});
    }
  }
  const size_t num_choices = num_rows * static_cast<size_t>(header_.top_k);
  visit->experts.clear();
  visit->weights.clear();
  for (size_t i = 0; i < num_choices && bytes.is_good(); ++i) {
    const uint64_t expert = bytes.TakeVarint();
    if (expert >= static_cast<uint64_t>(header_.num_experts)) return Malformed("expert " + std::to_string(expert));
    visit->experts.push_back(static_cast<int32_t>(expert));
  }
  for (size_t i = 0; header_.has_weights && i < num_choices && bytes.is_good(); ++i)
    visit->weights.push_back(Bf16ToF32(bytes.TakeWord<uint16_t>()));
  if (!bytes.is_good()) return Malformed("cut");
  visit->rows = previous_rows_;
  if (const absl::Status checked = CheckTraceVisit(header_, *visit); !checked.ok())
    return Malformed(std::string(checked.message()));
  chunk_position_ += bytes.offset();
  previous_step_ = last_step_ = visit->step;
  ++num_visits_;
  return absl::OkStatus();
}

}  // namespace foregate
