#include "tools/offline/turns_replay.h"

#include <gtest/gtest.h>

#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/replay/topic_trace.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

constexpr uint64_t kExpertBytes = 1'000'000;

TraceHeader Header() {
  TraceHeader header;
  header.num_experts = 64;
  header.top_k = 4;
  for (int32_t i = 0; i < 4; ++i) header.layers.push_back({i, kExpertBytes});
  return header;
}

TurnsReplayOptions Options(double memory_part, int32_t max_passed_over) {
  return {.memory_bytes = static_cast<uint64_t>(memory_part * 4 * 64 * kExpertBytes),
          .bytes_per_second = 1e9,
          .expert_seconds = 1e-4,
          .layer_seconds = 1e-4,
          .max_passed_over = max_passed_over,
          .num_tokens = 1600,
          .num_first_tokens = 400};
}

TEST(TurnsReplayTest, EvenRoutingLosesNothing) {
  for (const size_t num_streams : {4u, 16u}) {
    const ReplayTrace tokens = UniformDecodeTrace(Header(), num_streams, 1600 / num_streams, 1);
    for (const double part : {0.125, 0.5}) {
      const auto without = ReplayTurns(tokens, Options(part, 0));
      const auto with = ReplayTurns(tokens, Options(part, 16));
      ASSERT_TRUE(without.ok() && with.ok());
      EXPECT_GE(with->tokens_per_second(), 0.99 * without->tokens_per_second()) << num_streams << " " << part;
    }
  }
}

TEST(TurnsReplayTest, TopicsThatDoNotFitTogetherGain) {
  const ReplayTrace tokens = TopicDecodeTrace(Header(), {.num_topics = 2, .strength = 1000}, 8, 200, 1);
  const auto without = ReplayTurns(tokens, Options(0.5, 0));
  const auto with = ReplayTurns(tokens, Options(0.5, 16));
  ASSERT_TRUE(without.ok() && with.ok());
  EXPECT_GT(with->tokens_per_second(), 1.3 * without->tokens_per_second());
  EXPECT_LT(with->bytes_read, without->bytes_read);
  EXPECT_GT(with->longest_wait_seconds, without->longest_wait_seconds);
  EXPECT_EQ(without->evenness(), 1);
  EXPECT_GT(with->evenness(), 0.8);
}

TEST(TurnsReplayTest, RefusesWhatItCannotReplay) {
  const ReplayTrace tokens = UniformDecodeTrace(Header(), 4, 10, 1);
  EXPECT_EQ(ReplayTurns(tokens, Options(0.001, 4)).status().message(),
            "replay: 256000 bytes do not hold two experts of 1000000");
  TurnsReplayOptions options = Options(0.5, 4);
  options.bytes_per_second = 0;
  EXPECT_EQ(ReplayTurns(tokens, options).status().message(), "replay: turns need a disk's bandwidth");
  options = Options(0.5, 4);
  options.num_first_tokens = options.num_tokens;
  EXPECT_EQ(ReplayTurns(tokens, options).status().message(), "replay: nothing is left of 1600 tokens after 1600");
  ReplayTrace::Builder builder(Header());
  builder.Add(0, 0, 1, std::vector<int32_t>{0, 1, 2, 3});
  builder.Add(1, 0, 1, std::vector<int32_t>{0, 1, 2, 3});
  EXPECT_EQ(ReplayTurns(std::move(builder).Build(), Options(0.5, 4)).status().message(),
            "replay: visit 1 is not one of all streams in all layers");
}

TEST(TurnsReplayTest, Reports) {
  TurnsReport report{.name = "t", .num_streams = 8, .max_passed_over = 4, .lines = {}};
  TurnsReplayResult result;
  result.num_tokens = 100;
  result.num_steps = 20;
  result.seconds = 10;
  result.bytes_read = 5000;
  result.stream_tokens = {40, 60};
  TurnsReplayResult faster = result;
  faster.seconds = 8;
  report.lines.push_back({.memory_percent = 25, .without = result, .with = faster});
  EXPECT_NE(TurnsTable(report).find("   25.0 %     10.000      12.500   1.250"), std::string::npos)
      << TurnsTable(report);
  const nlohmann::json json = nlohmann::json::parse(TurnsJson(report));
  EXPECT_EQ(json["lines"][0]["ratio"], 1.25);
  EXPECT_EQ(json["lines"][0]["with"]["rows_per_step"], 5.0);
  EXPECT_EQ(json["lines"][0]["without"]["bytes_per_token"], 50.0);
}

}  // namespace
}  // namespace foregate
