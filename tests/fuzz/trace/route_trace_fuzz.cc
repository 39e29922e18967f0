// A routing trace: the input as a whole file, and as the visits of one chunk, for few inputs have its checksum.
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/moe/trace/route_trace_reader.h"
#include "engine/moe/trace/route_trace_writer.h"
#include "engine/moe/trace/trace_bytes.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

std::vector<TraceVisit> CheckFile(const std::string& file, TraceHeader* header) {
  std::istringstream stream(file);
  std::vector<TraceVisit> visits;
  auto reader = TraceReader::Open(stream, "fuzz.fgr");
  if (!reader.ok()) return visits;
  *header = reader->header();
  TraceVisit visit;
  while (true) {
    const absl::StatusOr<bool> has_visit = reader->Next(&visit);
    if (!has_visit.ok() || !*has_visit) break;
    FOREGATE_CHECK(CheckTraceVisit(*header, visit).ok());
    visits.push_back(visit);
  }
  return visits;
}

std::string Write(const TraceHeader& header, const std::vector<TraceVisit>& visits) {
  std::string file;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  FOREGATE_CHECK(writer.ok());
  for (const TraceVisit& visit : visits) FOREGATE_CHECK(writer->Write(visit).ok());
  FOREGATE_CHECK(writer->Finish().ok());
  return file;
}

// What was read is read again as it was.
void CheckAgain(const std::string& file) {
  TraceHeader header;
  const std::vector<TraceVisit> visits = CheckFile(file, &header);
  if (visits.empty()) return;
  TraceHeader header_again;
  FOREGATE_CHECK(CheckFile(Write(header, visits), &header_again) == visits);
  FOREGATE_CHECK(header_again == header);
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  foregate::CheckAgain(input);
  if (size < 2) return 0;
  // The first byte chooses the header, the second says how many visits follow.
  const bool has_weights = (data[0] & 4) != 0;
  std::string file = foregate::Write({.source = "",
                                      .layers = {{0, 1}, {3, 1}},
                                      .num_experts = 200,
                                      .top_k = 1 + data[0] % 4,
                                      .has_weights = has_weights},
                                     {});
  file.resize(file.size() - foregate::kTraceChunkFrameBytes);
  const std::string payload = input.substr(2);
  std::string frame;
  foregate::AppendWord(foregate::kTraceChunkMark, &frame);
  foregate::AppendWord(static_cast<uint32_t>(payload.size()), &frame);
  foregate::AppendWord(uint64_t{data[1]}, &frame);
  foregate::AppendWord(foregate::TraceChecksum(frame, payload), &frame);
  foregate::CheckAgain(file + frame + payload);
  return 0;
}
