#include "engine/moe/replay/decode_trace.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/moe/trace/route_trace_writer.h"

namespace foregate {
namespace {

TraceHeader Header(size_t num_layers, int32_t num_experts, int32_t top_k) {
  TraceHeader header{.source = "", .layers = {}, .num_experts = num_experts, .top_k = top_k, .has_weights = false};
  for (size_t i = 0; i < num_layers; ++i) header.layers.push_back({static_cast<int32_t>(i), 10 + i});
  return header;
}

TEST(UniformDecodeTrace, DrawsDistinctExpertsOfARowEvenly) {
  const TraceHeader header = Header(3, 8, 3);
  const ReplayTrace trace = UniformDecodeTrace(header, 4, 500, 1);
  EXPECT_EQ(trace.header(), header);
  ASSERT_EQ(trace.num_visits(), 1500u);
  EXPECT_EQ(trace.num_steps(), 500u);
  std::vector<int> counts(8);
  for (size_t i = 0; i < trace.num_visits(); ++i) {
    const ReplayTrace::Visit visit = trace.visit(i);
    EXPECT_EQ(visit.layer_index, static_cast<int32_t>(i % 3));
    EXPECT_EQ(visit.num_rows, 4u);
    ASSERT_EQ(visit.ranked.size(), 12u);
    for (size_t row = 0; row < 4; ++row) {
      const auto choices = visit.ranked.subspan(row * 3, 3);
      EXPECT_EQ(std::set<int32_t>(choices.begin(), choices.end()).size(), 3u);
      for (const int32_t expert : choices) ++counts[static_cast<size_t>(expert)];
    }
  }
  for (const int count : counts) EXPECT_NEAR(count, 1500 * 12 / 8, 150);
  EXPECT_EQ(UniformDecodeTrace(header, 4, 500, 1).visit(99).ranked[3], trace.visit(99).ranked[3]);
}

absl::StatusOr<DecodeTokens> Tokens(const TraceHeader& header, const std::vector<TraceVisit>& visits,
                                    size_t max_tokens = 1000) {
  std::string file;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  for (const TraceVisit& visit : visits) EXPECT_TRUE(writer->Write(visit).ok());
  EXPECT_TRUE(writer->Finish().ok());
  std::istringstream stream(file);
  auto reader = *TraceReader::Open(stream, "t");
  return DecodeTokens::Read(reader, max_tokens);
}

// Two requests decode side by side, `num_steps` tokens each; request 0 chooses experts 0 to 3, request 1 4 to 7. The
// first step computes a prompt beside them.
std::vector<TraceVisit> TwoRequests(int32_t num_steps) {
  std::vector<TraceVisit> visits;
  for (int32_t step = 0; step < num_steps; ++step) {
    for (int32_t layer = 0; layer < 2; ++layer) {
      TraceVisit visit{.step = static_cast<uint64_t>(step),
                       .layer_index = layer,
                       .rows = {{1, step + 5, TracePhase::kDecode}, {0, step + 9, TracePhase::kDecode}},
                       .experts = {4 + (step + layer) % 4, (step + layer) % 4},
                       .weights = {}};
      if (step == 0) {
        visit.rows.push_back({2, 0, TracePhase::kPrefill});
        visit.experts.push_back(7);
      }
      visits.push_back(visit);
    }
  }
  return visits;
}

TEST(DecodeTokens, AreTheDecodedOnesInTheOrderOfTheirSequences) {
  const TraceHeader header = Header(2, 8, 1);
  const auto tokens = Tokens(header, TwoRequests(20));
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->num_tokens(), 40u);
  EXPECT_EQ(std::vector<int32_t>(tokens->choices(21).begin(), tokens->choices(21).end()), (std::vector<int32_t>{5, 6}));
  EXPECT_FALSE(tokens->has_prompts());
  const auto alone = tokens->Compose(header, 1, 50);
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->num_steps(), 50u);
  for (size_t step = 0; step < 50; ++step) {
    // Request 0 first, and from the beginning after 40.
    const size_t token = step % 40;
    const auto expected = static_cast<int32_t>(token % 20 % 4 + (token < 20 ? 0 : 4));
    EXPECT_EQ(alone->visit(2 * step).ranked[0], expected) << step;
    EXPECT_EQ(alone->visit(2 * step + 1).ranked[0] % 4, (expected + 1) % 4) << step;
  }
  const auto both = tokens->Compose(header, 2, 3);
  EXPECT_EQ(both->visit(4).num_rows, 2u);
  EXPECT_EQ(std::vector<int32_t>(both->visit(4).ranked.begin(), both->visit(4).ranked.end()),
            (std::vector<int32_t>{2, 6}));
}

TEST(DecodeTokens, AreBoundedAndWhole) {
  const TraceHeader header = Header(2, 8, 1);
  for (const size_t most : {20, 21, 79}) {
    const auto cut = Tokens(header, TwoRequests(40), most);
    EXPECT_EQ(cut->num_tokens(), most);
    EXPECT_TRUE(cut->is_cut()) << most;
  }
  EXPECT_FALSE(Tokens(header, TwoRequests(40), 80)->is_cut());
  std::vector<TraceVisit> visits = TwoRequests(30);
  visits.erase(visits.begin() + 7);  // the last layer of step 3
  EXPECT_EQ(Tokens(header, visits)->num_tokens(), 58u);
  // Too few were decoded: prompts are taken as well.
  const auto few = Tokens(header, TwoRequests(3));
  EXPECT_TRUE(few->has_prompts());
  EXPECT_EQ(few->num_tokens(), 7u);
  // At most as many as were asked for, and none that was decoded gives way to one that was not.
  visits = TwoRequests(3);
  for (TraceVisit& visit : visits) {
    for (int32_t position : {1, 2}) {
      visit.rows.push_back({3, 10 * static_cast<int32_t>(visit.step) + position, TracePhase::kPrefill});
      visit.experts.push_back(7);
    }
  }
  EXPECT_EQ(Tokens(header, visits)->num_tokens(), 13u);
  const auto bounded = Tokens(header, visits, 8);
  ASSERT_EQ(bounded->num_tokens(), 8u);
  EXPECT_TRUE(bounded->has_prompts());
  for (size_t token = 0; token < 8; ++token) EXPECT_EQ(bounded->choices(token)[0] == 7, token >= 6) << token;
  EXPECT_FALSE(Tokens(header, visits, 6)->has_prompts());
  EXPECT_EQ(few->Compose(header, 8, 3).status().message(), "8 streams of a trace with 7 tokens");
  visits = {TwoRequests(1)[0]};
  EXPECT_EQ(Tokens(header, visits).status().message(), "the trace has no token with all of its layers");
}

}  // namespace
}  // namespace foregate
