#include "engine/moe/route_trace.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "engine/moe/trace/route_trace_reader.h"

namespace foregate {
namespace {

std::string TextOf(const RecordedRoutes& recorded) {
  std::string text;
  for (const std::string& part : recorded.parts) text += part;
  return text;
}

struct ReadTrace {
  TraceHeader header;
  std::vector<TraceVisit> visits;
};

ReadTrace ReadWhole(const RecordedRoutes& recorded) {
  std::istringstream file(TextOf(recorded));
  auto reader = TraceReader::Open(file, "recorded");
  EXPECT_TRUE(reader.ok()) << reader.status();
  ReadTrace trace{.header = reader->header(), .visits = {}};
  TraceVisit visit;
  while (*reader->Next(&visit)) trace.visits.push_back(visit);
  EXPECT_TRUE(reader->torn().ok()) << reader->torn();
  return trace;
}

TEST(RouteStatistics, CountsEveryChoiceByLayerAndExpert) {
  RouteStatistics statistics({1, 3}, 4, 2);
  const TraceRow rows[] = {{.position = 7}, {.position = 8}};
  const int32_t experts[] = {0, 2, 2, 3};
  statistics.Record(1, 5, rows, experts);
  EXPECT_EQ(statistics.count(1, 0), 1u);
  EXPECT_EQ(statistics.count(1, 1), 0u);
  EXPECT_EQ(statistics.count(1, 2), 2u);
  EXPECT_EQ(statistics.count(0, 2), 0u);
}

TEST(RouteStatistics, TraceIsCsvOfWhatWasRecordedBetweenStartAndStop) {
  RouteStatistics statistics({1, 3}, 4, 2);
  const TraceRow rows[] = {{.position = 7}, {.position = 8}};
  const int32_t experts[] = {0, 2, 2, 3};
  statistics.Record(0, 4, rows, experts);
  ASSERT_TRUE(statistics.StartRecording({.max_bytes = 1000}).ok());
  EXPECT_EQ(statistics.StartRecording({.max_bytes = 1000}).code(), absl::StatusCode::kFailedPrecondition);
  statistics.Record(1, 5, rows, experts);
  const RecordedRoutes recorded = *statistics.StopRecording();
  EXPECT_EQ(TextOf(recorded), "step,layer,position,expert_0,expert_1\n5,3,7,0,2\n5,3,8,2,3\n");
  EXPECT_FALSE(recorded.truncated);
  EXPECT_EQ(statistics.StopRecording().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RouteStatistics, FullTraceKeepsWholeLinesAndSaysSo) {
  RouteStatistics statistics({0}, 4, 1);
  const std::string header = "step,layer,position,expert_0\n";
  ASSERT_TRUE(statistics.StartRecording({.max_bytes = header.size() + 12}).ok());
  const TraceRow rows[] = {{.position = 0}, {.position = 1}};
  const int32_t experts[] = {3, 2};
  statistics.Record(0, 1, rows, experts);
  RecordedRoutes recorded = *statistics.StopRecording();
  EXPECT_EQ(TextOf(recorded), header + "1,0,0,3\n");
  EXPECT_TRUE(recorded.truncated);
  // A new recording starts afresh.
  ASSERT_TRUE(statistics.StartRecording({.max_bytes = 1000}).ok());
  recorded = *statistics.StopRecording();
  EXPECT_EQ(TextOf(recorded), header);
  EXPECT_FALSE(recorded.truncated);
}

TEST(RouteStatistics, CompactTraceHasRequestsPhasesWeightsAndSizes) {
  RouteStatistics statistics({1, 3}, 4, 2);
  const RouteRecording recording{
      .max_bytes = 1000, .form = RouteTraceForm::kCompact, .source = "toy", .expert_bytes = {10, 20}};
  ASSERT_TRUE(statistics.StartRecording(recording).ok());
  const TraceRow rows[] = {{.request = 5, .position = 7}, {.request = 6, .position = 0, .phase = TracePhase::kPrefill}};
  const int32_t experts[] = {0, 2, 2, 3};
  const float weights[] = {0.5, 0.25, 1, 0};
  // It begins in the middle of step 4, of which the first layer is missing.
  statistics.Record(1, 4, rows, experts, weights);
  statistics.Record(0, 5, rows, experts, weights);
  statistics.Record(1, 5, rows, experts);
  const RecordedRoutes recorded = *statistics.StopRecording();
  EXPECT_FALSE(recorded.truncated);
  const ReadTrace trace = ReadWhole(recorded);
  EXPECT_EQ(
      trace.header,
      (TraceHeader{.source = "toy", .layers = {{1, 10}, {3, 20}}, .num_experts = 4, .top_k = 2, .has_weights = true}));
  const std::vector<TraceRow> all_rows(std::begin(rows), std::end(rows));
  ASSERT_EQ(trace.visits.size(), 2u);
  EXPECT_EQ(trace.visits[0],
            (TraceVisit{
                .step = 5, .layer_index = 0, .rows = all_rows, .experts = {0, 2, 2, 3}, .weights = {0.5, 0.25, 1, 0}}));
  EXPECT_EQ(trace.visits[1].weights, std::vector<float>(4, 0));
}

TEST(RouteStatistics, FullCompactTraceIsWholeAndWithinItsSize) {
  const TraceRow rows[] = {{.request = 5, .position = 7}};
  const int32_t experts[] = {0, 2};
  const float weights[] = {0.5, 0.25};
  for (const size_t max_bytes : {200, 1000, 200'000, 700'000}) {
    RouteStatistics statistics({1}, 4, 2);
    ASSERT_TRUE(statistics.StartRecording({.max_bytes = max_bytes, .form = RouteTraceForm::kCompact}).ok());
    for (uint64_t step = 0; step < max_bytes; ++step) statistics.Record(0, step, rows, experts, weights);
    const RecordedRoutes recorded = *statistics.StopRecording();
    EXPECT_TRUE(recorded.truncated);
    EXPECT_LE(TextOf(recorded).size(), max_bytes);
    EXPECT_GE(TextOf(recorded).size() + 120, max_bytes);
    if (max_bytes >= 1000) {
      EXPECT_GT(ReadWhole(recorded).visits.size(), max_bytes / 20);
    }
  }
  RouteStatistics statistics({1}, 4, 2);
  EXPECT_EQ(statistics.StartRecording({.max_bytes = 50, .form = RouteTraceForm::kCompact}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(statistics.StopRecording().status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace foregate
