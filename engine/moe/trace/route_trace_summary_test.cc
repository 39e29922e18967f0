#include "engine/moe/trace/route_trace_summary.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "engine/moe/trace/route_trace_writer.h"

namespace foregate {
namespace {

TraceSummary Summarize(const TraceHeader& header, const std::vector<TraceVisit>& visits) {
  std::string file;
  auto writer = *TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  for (const TraceVisit& visit : visits) EXPECT_TRUE(writer.Write(visit).ok());
  EXPECT_TRUE(writer.Finish().ok());
  std::istringstream stream(file);
  auto reader = *TraceReader::Open(stream, "t");
  return *SummarizeTrace(reader);
}

TEST(RouteTraceSummary, CountsByHand) {
  const TraceHeader header{
      .source = "", .layers = {{0, 100}, {1, 300}}, .num_experts = 8, .top_k = 2, .has_weights = false};
  const std::vector<TraceRow> prompt = {{7, 0, TracePhase::kPrefill}, {7, 1, TracePhase::kPrefill}};
  const std::vector<TraceRow> last = {{7, 1, TracePhase::kPrefill}};
  const std::vector<TraceRow> decode = {{7, 2, TracePhase::kDecode}, {9, 5, TracePhase::kDecode}};
  const TraceSummary summary = Summarize(header, {{0, 0, prompt, {0, 1, 0, 2}, {}},
                                                  {0, 1, last, {0, 1}, {}},
                                                  {1, 0, decode, {0, 1, 0, 3}, {}},
                                                  {1, 1, decode, {0, 4, 4, 0}, {}}});
  EXPECT_EQ(summary.num_visits, 4u);
  EXPECT_EQ(summary.num_steps, 2u);
  EXPECT_EQ(summary.num_requests, 2u);
  EXPECT_EQ(summary.num_prefill_rows, 2u);
  EXPECT_EQ(summary.num_decode_rows, 2u);
  EXPECT_EQ(summary.num_experts, 16u);
  EXPECT_EQ(summary.num_experts_used, 7u);
  EXPECT_EQ(summary.expert_bytes, 8u * 400);
  EXPECT_EQ(summary.experts_per_visit, 2.5);
  EXPECT_EQ(summary.bytes_per_step, 3 * 100 + 2 * 300);
  EXPECT_EQ(summary.reused_share, 3.0 / 5);
  // Layer 0: 4 of 8 choices, layer 1: 3 of 6. Two experts are a quarter: 6 of 8 and 5 of 6.
  EXPECT_EQ(summary.hottest_times_uniform, 4);
  EXPECT_NEAR(summary.top_quarter_share, (6.0 / 8 + 5.0 / 6) / 2, 1e-12);
}

TEST(RouteTraceSummary, OfNothing) {
  const TraceSummary summary =
      Summarize({.source = "", .layers = {{0, 1}}, .num_experts = 2, .top_k = 1, .has_weights = false}, {});
  EXPECT_EQ(summary.num_steps, 0u);
  EXPECT_EQ(summary.reused_share, 0);
  EXPECT_EQ(summary.num_experts_used, 0u);
}

}  // namespace
}  // namespace foregate
