#include "engine/moe/route_trace.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

TEST(RouteStatistics, CountsEveryChoiceByLayerAndExpert) {
  RouteStatistics statistics({1, 3}, 4, 2);
  const int32_t positions[] = {7, 8};
  const int32_t experts[] = {0, 2, 2, 3};
  statistics.Record(1, 5, positions, experts);
  EXPECT_EQ(statistics.count(1, 0), 1u);
  EXPECT_EQ(statistics.count(1, 1), 0u);
  EXPECT_EQ(statistics.count(1, 2), 2u);
  EXPECT_EQ(statistics.count(0, 2), 0u);
}

TEST(RouteStatistics, TraceIsCsvOfWhatWasRecordedBetweenStartAndStop) {
  RouteStatistics statistics({1, 3}, 4, 2);
  const int32_t positions[] = {7, 8};
  const int32_t experts[] = {0, 2, 2, 3};
  statistics.Record(0, 4, positions, experts);
  ASSERT_TRUE(statistics.StartRecording(1000).ok());
  EXPECT_EQ(statistics.StartRecording(1000).code(), absl::StatusCode::kFailedPrecondition);
  statistics.Record(1, 5, positions, experts);
  std::string csv;
  bool truncated = true;
  ASSERT_TRUE(statistics.StopRecording(&csv, &truncated).ok());
  EXPECT_EQ(csv, "step,layer,position,expert_0,expert_1\n5,3,7,0,2\n5,3,8,2,3\n");
  EXPECT_FALSE(truncated);
  EXPECT_EQ(statistics.StopRecording(&csv, &truncated).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RouteStatistics, FullTraceKeepsWholeLinesAndSaysSo) {
  RouteStatistics statistics({0}, 4, 1);
  const std::string header = "step,layer,position,expert_0\n";
  ASSERT_TRUE(statistics.StartRecording(header.size() + 12).ok());
  const int32_t positions[] = {0, 1};
  const int32_t experts[] = {3, 2};
  statistics.Record(0, 1, positions, experts);
  std::string csv;
  bool truncated = false;
  ASSERT_TRUE(statistics.StopRecording(&csv, &truncated).ok());
  EXPECT_EQ(csv, header + "1,0,0,3\n");
  EXPECT_TRUE(truncated);
  // A new recording starts afresh.
  ASSERT_TRUE(statistics.StartRecording(1000).ok());
  ASSERT_TRUE(statistics.StopRecording(&csv, &truncated).ok());
  EXPECT_EQ(csv, header);
  EXPECT_FALSE(truncated);
}

}  // namespace
}  // namespace foregate
