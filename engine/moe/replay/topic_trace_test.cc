#include "engine/moe/replay/topic_trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace foregate {
namespace {

TraceHeader Header(size_t num_layers, int32_t num_experts, int32_t top_k) {
  TraceHeader header{.source = "", .layers = {}, .num_experts = num_experts, .top_k = top_k, .has_weights = false};
  for (size_t i = 0; i < num_layers; ++i) header.layers.push_back({static_cast<int32_t>(i), 10});
  return header;
}

// A stream's experts in a visit.
std::set<int32_t> Row(const ReplayTrace& trace, size_t visit, size_t stream) {
  const auto top_k = static_cast<size_t>(trace.header().top_k);
  const auto row = trace.visit(visit).ranked.subspan(stream * top_k, top_k);
  return {row.begin(), row.end()};
}

TEST(TopicDecodeTrace, HasRowsOfDistinctExperts) {
  const TraceHeader header = Header(3, 16, 5);
  const ReplayTrace trace = TopicDecodeTrace(header, {.num_topics = 4, .strength = 8}, 6, 50, 1);
  EXPECT_EQ(trace.header(), header);
  EXPECT_EQ(trace.num_steps(), 50u);
  ASSERT_EQ(trace.num_visits(), 150u);
  for (size_t visit = 0; visit < 150; ++visit) {
    ASSERT_EQ(trace.visit(visit).num_rows, 6u);
    for (size_t stream = 0; stream < 6; ++stream) EXPECT_EQ(Row(trace, visit, stream).size(), 5u);
  }
  const ReplayTrace again = TopicDecodeTrace(header, {.num_topics = 4, .strength = 8}, 6, 50, 1);
  for (size_t visit = 0; visit < 150; ++visit)
    EXPECT_TRUE(std::ranges::equal(again.visit(visit).ranked, trace.visit(visit).ranked)) << visit;
}

// Two experts have all the heat, for practical purposes, and eight are wanted.
TEST(TopicDecodeTrace, EndsWhateverItsStrength) {
  for (const double strength : {1e6, 1e18}) {
    const ReplayTrace trace = TopicDecodeTrace(Header(2, 128, 8), {.num_topics = 64, .strength = strength}, 4, 20, 1);
    std::set<int32_t> of_first;
    for (size_t step = 0; step < 20; ++step) {
      const std::set<int32_t> row = Row(trace, 2 * step, 0);
      EXPECT_EQ(row.size(), 8u);
      if (step == 0) of_first = row;
      std::erase_if(of_first, [&](int32_t expert) { return !row.contains(expert); });
    }
    EXPECT_EQ(of_first.size(), 2u) << "the topic's own, in every row";
  }
}

// The heats are 1/8, 1/9 and 1/10, and two of three are drawn, the second by the heats of those that are left.
TEST(TopicDecodeTrace, DrawsByHeatWithoutReplacement) {
  constexpr size_t kSteps = 40'000;
  const ReplayTrace trace = TopicDecodeTrace(Header(1, 3, 2), {}, 1, kSteps, 1);
  std::array<double, 3> shares = {};
  for (size_t step = 0; step < kSteps; ++step)
    for (const int32_t expert : Row(trace, step, 0)) shares[static_cast<size_t>(expert)] += 1.0 / kSteps;
  std::sort(shares.begin(), shares.end());
  const std::array<double, 3> heats = {1.0 / 10, 1.0 / 9, 1.0 / 8};
  const double sum = heats[0] + heats[1] + heats[2];
  for (size_t i = 0; i < 3; ++i) {
    double expected = heats[i] / sum;
    for (size_t first = 0; first < 3; ++first)
      if (first != i) expected += heats[first] / sum * heats[i] / (sum - heats[first]);
    EXPECT_NEAR(shares[i], expected, 0.01) << i;
  }
}

TEST(TopicDecodeTrace, StreamsGoOnWithTheNextTopic) {
  const TopicMix mix{.num_topics = 2, .strength = 1e9, .tokens_per_topic = 10};
  const ReplayTrace trace = TopicDecodeTrace(Header(1, 8, 4), mix, 2, 20, 1);
  EXPECT_EQ(Row(trace, 0, 0), Row(trace, 9, 0));
  EXPECT_NE(Row(trace, 9, 0), Row(trace, 9, 1));
  EXPECT_EQ(Row(trace, 10, 0), Row(trace, 9, 1));
  EXPECT_EQ(Row(trace, 10, 1), Row(trace, 9, 0));
}

}  // namespace
}  // namespace foregate
