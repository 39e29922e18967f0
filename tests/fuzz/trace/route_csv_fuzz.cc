// CSV files that `foregate trace import` takes, of both kinds.
#include <cstdint>
#include <sstream>
#include <string>

#include "engine/moe/trace/route_trace_import.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream csv(std::string(reinterpret_cast<const char*>(data), size));
  std::string file;
  const absl::StatusOr<uint64_t> num_visits =
      foregate::ImportRouteCsv(csv, "fuzz.csv", {.expert_bytes = 4096}, [&](std::string_view bytes) {
        file += bytes;
        return absl::OkStatus();
      });
  if (!num_visits.ok()) return 0;
  // What was imported is a whole trace.
  std::istringstream stream(file);
  auto reader = foregate::TraceReader::Open(stream, "fuzz.fgr");
  FOREGATE_CHECK(reader.ok());
  foregate::TraceVisit visit;
  while (true) {
    const absl::StatusOr<bool> has_visit = reader->Next(&visit);
    FOREGATE_CHECK(has_visit.ok());
    if (!*has_visit) break;
  }
  FOREGATE_CHECK(reader->torn().ok() && reader->num_visits() == *num_visits);
  return 0;
}
