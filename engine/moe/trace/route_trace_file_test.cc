#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "engine/moe/trace/route_trace_reader.h"
#include "engine/moe/trace/route_trace_writer.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

TraceHeader SmallHeader() {
  return {.source = "toy", .layers = {{1, 4096}, {4, 8192}}, .num_experts = 300, .top_k = 2, .has_weights = true};
}

// Numbers that need one byte and more, rows that repeat and rows that do not.
std::vector<TraceVisit> SmallVisits(size_t count) {
  std::vector<TraceVisit> visits;
  for (size_t i = 0; i < count; ++i) {
    TraceVisit visit{.step = 7 + 1000 * (i / 2),
                     .layer_index = static_cast<int32_t>(i % 2),
                     .rows = {},
                     .experts = {},
                     .weights = {}};
    for (size_t row = 0; row <= i / 2 % 3; ++row) {
      visit.rows.push_back({uint64_t{1} << (5 * row), static_cast<int32_t>(i / 2 + 200 * row),
                            row == 0 ? TracePhase::kDecode : TracePhase::kPrefill});
      visit.experts.insert(visit.experts.end(), {static_cast<int32_t>(i % 299), 299});
      visit.weights.insert(visit.weights.end(), {0.75f, 0.25f});
    }
    visits.push_back(std::move(visit));
  }
  return visits;
}

std::string FileOf(const TraceHeader& header, const std::vector<TraceVisit>& visits, bool finished = true) {
  std::string file;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const TraceVisit& visit : visits) EXPECT_TRUE(writer->Write(visit).ok());
  if (finished) {
    EXPECT_TRUE(writer->Finish().ok());
  }
  return file;
}

struct ReadTrace {
  absl::Status status;
  absl::Status torn;
  TraceHeader header;
  std::vector<TraceVisit> visits;
};

ReadTrace Read(const std::string& file) {
  std::istringstream stream(file);
  ReadTrace read;
  auto reader = TraceReader::Open(stream, "t.fgr");
  read.status = reader.status();
  if (!reader.ok()) return read;
  read.header = reader->header();
  TraceVisit visit;
  while (true) {
    const absl::StatusOr<bool> has_visit = reader->Next(&visit);
    read.status = has_visit.status();
    if (!has_visit.ok() || !*has_visit) break;
    read.visits.push_back(visit);
  }
  read.torn = reader->torn();
  return read;
}

TEST(RouteTraceFile, ReadsWhatWasWritten) {
  const std::vector<TraceVisit> visits = SmallVisits(9);
  const ReadTrace read = Read(FileOf(SmallHeader(), visits));
  EXPECT_TRUE(read.status.ok()) << read.status;
  EXPECT_TRUE(read.torn.ok()) << read.torn;
  EXPECT_EQ(read.header, SmallHeader());
  EXPECT_EQ(read.visits, visits);
}

TEST(RouteTraceFile, ManyChunksAndNoWeights) {
  TraceHeader header = SmallHeader();
  header.has_weights = false;
  std::vector<TraceVisit> visits = SmallVisits(40000);
  for (TraceVisit& visit : visits) visit.weights.clear();
  const std::string file = FileOf(header, visits);
  EXPECT_GT(file.size(), 3 * kTraceChunkTargetBytes);
  // Rows stand once per step, and the smallest numbers in one byte: 2 rows on average, 2 choices of 1 or 2 bytes each.
  EXPECT_LT(file.size(), visits.size() * 15);
  const ReadTrace read = Read(file);
  EXPECT_TRUE(read.torn.ok()) << read.torn;
  EXPECT_TRUE(read.visits == visits);
}

TEST(RouteTraceFile, AFileCutAnywhereIsReadUpToTheTear) {
  const std::vector<TraceVisit> visits = SmallVisits(9);
  const std::string file = FileOf(SmallHeader(), visits);
  const size_t header_end = kTracePreambleBytes + 16 + 2 * 12 + 4 + 3;
  for (size_t size = 0; size < file.size(); ++size) {
    const ReadTrace read = Read(file.substr(0, size));
    if (size < header_end) {
      EXPECT_FALSE(read.status.ok()) << size;
      continue;
    }
    EXPECT_TRUE(read.status.ok()) << size << read.status;
    EXPECT_EQ(read.torn.code(), absl::StatusCode::kDataLoss) << size;
    const bool has_chunk = size >= file.size() - kTraceChunkFrameBytes;
    EXPECT_EQ(read.visits.size(), has_chunk ? visits.size() : 0) << size;
  }
  const ReadTrace unfinished = Read(FileOf(SmallHeader(), visits, false));
  EXPECT_NE(unfinished.torn.message().find("offset " + std::to_string(header_end)), std::string::npos)
      << unfinished.torn;
}

TEST(RouteTraceFile, NoFlippedByteIsTakenForData) {
  const std::vector<TraceVisit> visits = SmallVisits(9);
  const std::string file = FileOf(SmallHeader(), visits);
  for (size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x11);
    const ReadTrace read = Read(damaged);
    EXPECT_TRUE(!read.status.ok() || !read.torn.ok()) << i;
  }
}

TEST(RouteTraceFile, AMissingChunkIsNoticed) {
  const std::vector<TraceVisit> visits = SmallVisits(40000);
  const std::string file = FileOf(SmallHeader(), visits);
  const size_t header_end = kTracePreambleBytes + 16 + 2 * 12 + 4 + 3;
  const std::string end_only = file.substr(0, header_end) + file.substr(file.size() - kTraceChunkFrameBytes);
  EXPECT_NE(Read(end_only).torn.message().find("missing"), std::string::npos);
}

TEST(RouteTraceFile, RefusesWhatDoesNotFit) {
  const auto sink = [](std::string_view) { return absl::OkStatus(); };
  TraceHeader header = SmallHeader();
  header.layers = {{4, 1}, {4, 1}};
  EXPECT_EQ(TraceWriter::Create(header, sink).status().message(), "trace header: layer 4 after layer 4");
  header = SmallHeader();
  header.top_k = 301;
  EXPECT_FALSE(TraceWriter::Create(header, sink).ok());

  auto writer = *TraceWriter::Create(SmallHeader(), sink);
  const TraceVisit good = SmallVisits(1)[0];
  TraceVisit visit = good;
  visit.experts[1] = 300;
  EXPECT_EQ(writer.Write(visit).message(), "trace, step 7: expert 300 of 300");
  visit = good;
  visit.experts[1] = visit.experts[0];
  EXPECT_EQ(writer.Write(visit).message(), "trace, step 7: expert 0 twice in a row");
  visit = good;
  visit.weights.pop_back();
  EXPECT_FALSE(writer.Write(visit).ok());
  visit = good;
  visit.rows.clear();
  EXPECT_FALSE(writer.Write(visit).ok());
  EXPECT_EQ(writer.num_visits(), 0u);
  EXPECT_TRUE(writer.Write(good).ok());
  visit = good;
  visit.step = 6;
  EXPECT_EQ(writer.Write(visit).message(), "trace: step 6 after step 7");
}

TEST(RouteTraceFile, TheSinksErrorStays) {
  int calls = 0;
  auto writer = *TraceWriter::Create(SmallHeader(), [&](std::string_view) {
    return ++calls == 1 ? absl::OkStatus() : absl::ResourceExhaustedError("disk full");
  });
  ASSERT_TRUE(writer.Write(SmallVisits(1)[0]).ok());
  EXPECT_EQ(writer.Finish().message(), "disk full");
  EXPECT_EQ(writer.Write(SmallVisits(1)[0]).message(), "disk full");
}

}  // namespace
}  // namespace foregate
