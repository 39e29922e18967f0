#include "tools/offline/decode_forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <sstream>
#include <string>

#include "engine/moe/trace/route_trace_writer.h"

namespace foregate {
namespace {

using Bound = DecodeForecast::Bound;

constexpr double kGB = 1e9;

// OLMoE's shape in bf16 with 4 of its 16 layers.
StepShape Olmoe() {
  StepShape step;
  for (int32_t layer = 0; layer < 4; ++layer) {
    step.moe_layers.push_back(layer);
    step.expert_bytes.push_back(12'582'912);
  }
  step.num_experts = 64;
  step.experts_per_token = 8;
  step.expert_parameters = 6'291'456;
  step.dense_parameters = 170'000'000;
  step.dense_bytes = 340'000'000;
  step.expert_format = "bf16";
  return step;
}

ForecastMachine Machine() {
  return {.read_bytes_per_second = 38 * kGB,
          .ops_per_second = 200 * kGB,
          .reach = kFloatReach,
          .disk_bytes_per_second = 1.2 * kGB,
          .disk_request_bytes = 1 << 20,
          .disk_in_flight_bytes = 16 << 20};
}

ForecastInput Input(double resident_share) {
  ForecastInput input;
  input.step = Olmoe();
  input.slot_bytes = static_cast<uint64_t>(resident_share * 4 * 64) * 12'582'912;
  return input;
}

// docs/benchmarks.md: 41.0 tokens/s with 1 stream, 83 with 8 and 157 with 32, at 38 GB/s.
TEST(DecodeForecast, ComputingIsAsMeasuredWhereAllExpertsStay) {
  ForecastInput input = Input(1);
  input.keeps_all_experts = true;
  const auto one = ForecastDecode(input, Machine(), 1);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_NEAR(one->tokens_per_second, 41.0, 0.15 * 41.0);
  EXPECT_NEAR(one->experts_per_layer, 8, 1e-9);
  EXPECT_EQ(one->bound, Bound::kComputing);
  EXPECT_EQ(one->read_bytes_per_token, 0);
  EXPECT_NEAR(ForecastDecode(input, Machine(), 8)->tokens_per_second, 83, 0.2 * 83);
  EXPECT_NEAR(ForecastDecode(input, Machine(), 32)->tokens_per_second, 157, 0.2 * 157);
}

TEST(DecodeForecast, UniformRoutingReadsTheShareThatIsNotResident) {
  for (const double share : {0.25, 0.5}) {
    const ForecastInput input = Input(share);
    const auto forecast = ForecastDecode(input, Machine(), 1);
    ASSERT_TRUE(forecast.ok()) << forecast.status();
    const double wanted = 4 * 8 * 12'582'912.0;
    // Only the order of layers can be used, which gives a little.
    EXPECT_GT(forecast->demand_hit_rate, share - 0.02);
    EXPECT_LT(forecast->demand_hit_rate, share + 0.12);
    EXPECT_NEAR(forecast->read_bytes_per_token, (1 - forecast->demand_hit_rate) * wanted, 0.01 * wanted);
    EXPECT_EQ(forecast->bound, Bound::kDisk);
    // At most what the disk gives, and nearly that: what is computed hides behind it.
    const double disk_bound = Machine().disk_bytes_per_second / forecast->read_bytes_per_token;
    EXPECT_LT(forecast->tokens_per_second, disk_bound * 1.001);
    EXPECT_GT(forecast->tokens_per_second, disk_bound * 0.85);
    EXPECT_EQ(forecast->tokens_per_second, forecast->demand_tokens_per_second);
  }
}

TEST(DecodeForecast, ReadingAheadUsesTheDiskWhileTheRestIsComputed) {
  ForecastInput input = Input(0.5);
  ForecastMachine machine = Machine();
  machine.disk_bytes_per_second = 8 * kGB;
  const auto demand = ForecastDecode(input, machine, 1);
  input.prefetch = {.kind = PrefetchSource::Kind::kCommitted, .lead = 1};
  const auto ahead = ForecastDecode(input, machine, 1);
  ASSERT_TRUE(demand.ok() && ahead.ok());
  EXPECT_EQ(ahead->demand_tokens_per_second, demand->tokens_per_second);
  EXPECT_GT(ahead->tokens_per_second, demand->tokens_per_second * 1.1);
  EXPECT_LE(ahead->tokens_per_second, ahead->resident_tokens_per_second);
}

TEST(DecodeForecast, AFastDiskIsBoundByComputing) {
  ForecastMachine machine = Machine();
  machine.disk_bytes_per_second = 500 * kGB;
  const auto forecast = ForecastDecode(Input(0.5), machine, 8);
  ASSERT_TRUE(forecast.ok());
  EXPECT_EQ(forecast->bound, Bound::kComputing);
  EXPECT_NEAR(forecast->tokens_per_second, forecast->resident_tokens_per_second,
              0.1 * forecast->resident_tokens_per_second);
}

TEST(DecodeForecast, ATraceThatRepeatsItsExpertsNeedsNoDisk) {
  const ForecastInput uniform = Input(0.25);
  const TraceHeader header = ForecastHeader(uniform.step);
  std::string file;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  for (int32_t step = 0; step < 40; ++step)
    for (int32_t layer = 0; layer < 4; ++layer)
      ASSERT_TRUE(writer
                      ->Write({.step = static_cast<uint64_t>(step),
                               .layer_index = layer,
                               .rows = {{0, step, TracePhase::kDecode}},
                               .experts = {0, 1, 2, 3, 4, 5, 6, 7},
                               .weights = {}})
                      .ok());
  ASSERT_TRUE(writer->Finish().ok());
  std::istringstream stream(file);
  auto reader = *TraceReader::Open(stream, "t");
  const auto tokens = DecodeTokens::Read(reader, 1000);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ForecastInput input = uniform;
  input.tokens = &*tokens;
  const auto forecast = ForecastDecode(input, Machine(), 4);
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_EQ(forecast->read_bytes_per_token, 0);
  EXPECT_EQ(forecast->demand_hit_rate, 1);
  EXPECT_EQ(forecast->experts_per_layer, 8);
  EXPECT_NEAR(forecast->tokens_per_second, forecast->resident_tokens_per_second, 1e-6);
  EXPECT_FALSE(ForecastDecode(input, Machine(), 41).ok());
}

TEST(DecodeForecast, ContextIsReadToo) {
  ForecastInput input = Input(1);
  input.keeps_all_experts = true;
  input.kv_bytes_per_token = 65'536;
  const double empty = ForecastDecode(input, Machine(), 1)->tokens_per_second;
  input.context_tokens = 16'384;
  EXPECT_NEAR(1 / ForecastDecode(input, Machine(), 1)->tokens_per_second - 1 / empty,
              16'384 * 65'536 / (38 * kGB * 0.8), 0.003);
}

TEST(DecodeForecast, RefusesTooFewSlots) { EXPECT_FALSE(ForecastDecode(Input(0.004), Machine(), 1).ok()); }

}  // namespace
}  // namespace foregate
