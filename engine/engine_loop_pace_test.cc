// The prefill pace in the engine's loop, in simulated time: steps cost what they were measured to cost on a CPU of two
// cores with a model of OLMoE's shape in 4 bits (a decode step of 16 streams 0.3 s, a prompt row 0.0106 s), give or
// take 5 %. Deterministic: the clock moves by that cost and by nothing else.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/recording_sink.h"
#include "tests/fakes/scripted_decoder.h"

namespace foregate {
namespace {

constexpr int kClients = 16;
constexpr int32_t kLongPrompt = 2000;

// Nearest rank.
double Percentile(std::vector<double> values, double part) {
  EXPECT_FALSE(values.empty());
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

struct StreamTimes {
  double submitted = 0;
  std::vector<double> tokens;
};

// Where experts are.
enum class Experts { kInMemory, kOnDisk };

class SimulatedServer {
 public:
  explicit SimulatedServer(int32_t stretch_percent, Experts experts = Experts::kInMemory) : experts_(experts) {
    EngineOptions options;
    options.max_batch_tokens = 512;
    options.max_running_requests = 64;
    options.max_queued_requests = 100;
    options.max_queued_tokens = 100'000;
    options.prefill_chunk_tokens = 256;
    options.max_itl_stretch_percent = stretch_percent;
    options.kv_block_tokens = 16;
    options.kv_bytes = 1000 * 16 * kScriptedKvBytesPerToken;
    options.max_sequence_tokens = 4096;
    options.priority_aging_us = 1'000'000;
    options.step_wait_timeout_us = 1'000'000;
    ScriptedDecoderOptions decoder;
    decoder.max_positions = 4096;
    if (experts == Experts::kOnDisk) decoder.tier.store = &reads_;
    decoder.on_batch = [this](const Batch& batch) { clock_.Advance(Cost(batch)); };
    auto loop = EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(decoder), &clock_);
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = std::move(*loop);
    start_ = clock_.Now();
  }

  double Now() const { return std::chrono::duration<double>(clock_.Now() - start_).count(); }

  std::shared_ptr<RecordingSink> Submit(const std::string& id, int32_t prompt_tokens, int32_t max_tokens) {
    GenerationRequest request;
    request.id = id;
    for (int32_t i = 0; i < prompt_tokens; ++i)
      request.prompt.push_back(static_cast<int32_t>((id.back() + i * 7) % 64));
    request.max_tokens = max_tokens;
    request.sampling.seed = 7;
    StreamTimes& times = times_[id];
    times.submitted = Now();
    auto sink = std::make_shared<RecordingSink>([&](int32_t, const TokenRecord&) { times.tokens.push_back(Now()); });
    EXPECT_TRUE(loop_->Submit(std::move(request), sink).ok());
    return sink;
  }

  void Step() { ASSERT_TRUE(loop_->Step()); }
  uint64_t paced_steps() const { return loop_->metrics().paced_steps.value(); }

  double Ttft(const std::string& id) const { return times_.at(id).tokens.at(0) - times_.at(id).submitted; }
  // Between tokens of all streams, of those that came in (from, to].
  std::vector<double> Itls(double from, double to) const {
    std::vector<double> itls;
    for (const auto& [id, times] : times_)
      for (size_t i = 1; i < times.tokens.size(); ++i)
        if (times.tokens[i] > from && times.tokens[i] <= to) itls.push_back(times.tokens[i] - times.tokens[i - 1]);
    return itls;
  }

 private:
  std::chrono::microseconds Cost(const Batch& batch) {
    const double rows = batch.num_rows();
    // Weights of the experts that somebody wants, work per row, and a decode row's attention and logits.
    const double all_experts = experts_ == Experts::kOnDisk ? 4 : 0.06;
    double seconds = 0.02 + all_experts * (1 - std::pow(0.875, rows)) + 0.0106 * rows +
                     0.002 * static_cast<double>(batch.logits_rows.size());
    seconds *= 0.95 + 0.1 * static_cast<double>(random_() >> 11) * 0x1p-53;
    return std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
  }

  const Experts experts_;
  const FetchCounters reads_;
  Backend backend_ = MakeScriptedBackend();
  FakeClock clock_;
  SteadyTime start_ = {};
  std::mt19937_64 random_{5};
  std::map<std::string, StreamTimes> times_;
  std::unique_ptr<EngineLoop> loop_;
};

struct LongPromptRun {
  double median_before = 0;  // of ITLs before the long prompt
  double median = 0;         // and while it was in flight
  double p99 = 0;
  double long_ttft = 0;
  uint64_t paced_steps = 0;
  std::vector<std::vector<int32_t>> tokens;  // of the streams
};

// 16 streams decode; a prompt of 2,000 tokens arrives.
LongPromptRun RunBesideStreams(int32_t stretch_percent) {
  SimulatedServer server(stretch_percent);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < kClients; ++i) sinks.push_back(server.Submit("s" + std::to_string(i), 128, 300));
  while (sinks.back()->tokens(0).size() < 30) server.Step();
  const double calm = server.Now();
  while (sinks.back()->tokens(0).size() < 60) server.Step();
  const double arrival = server.Now();
  const auto long_sink = server.Submit("long", kLongPrompt, 1);
  while (!long_sink->done()) server.Step();
  const double end = server.Now();
  LongPromptRun run;
  run.paced_steps = server.paced_steps();
  for (const auto& sink : sinks) EXPECT_FALSE(sink->done());  // all of them ran all the time
  for (const auto& sink : sinks) {
    while (!sink->done()) server.Step();
    run.tokens.push_back(sink->tokens(0));
  }
  run.tokens.push_back(long_sink->tokens(0));
  run.median_before = Percentile(server.Itls(calm, arrival), 0.5);
  run.median = Percentile(server.Itls(arrival, end), 0.5);
  run.p99 = Percentile(server.Itls(arrival, end), 0.99);
  run.long_ttft = server.Ttft("long");
  return run;
}

TEST(EngineLoopPace, ALongPromptStretchesRunningStreamsLessThanTwofold) {
  const LongPromptRun paced = RunBesideStreams(180);
  const LongPromptRun unpaced = RunBesideStreams(0);
  EXPECT_NEAR(paced.median_before, unpaced.median_before, 0.02);
  EXPECT_LE(paced.p99, 2 * paced.median_before);
  EXPECT_LE(paced.p99, 2 * paced.median);
  EXPECT_GT(paced.median, 1.5 * paced.median_before);  // and the time is used
  EXPECT_GT(unpaced.p99, 8 * unpaced.median_before);
  EXPECT_LT(paced.long_ttft, 2.5 * unpaced.long_ttft);
  EXPECT_GT(paced.paced_steps, 80u);
  EXPECT_EQ(unpaced.paced_steps, 0u);
  EXPECT_EQ(paced.tokens, unpaced.tokens);
}

// Reading all experts takes 4 s, so a long prompt comes in eight full pieces of 6.7 s each; in pieces of eight rows it
// would take ten minutes.
TEST(EngineLoopPace, APromptIsNotCutSmallWhereExpertsAreReadForEveryPiece) {
  SimulatedServer server(180, Experts::kOnDisk);
  const auto stream = server.Submit("stream", 16, 400);
  while (stream->tokens(0).size() < 20) server.Step();
  const auto long_sink = server.Submit("long", kLongPrompt, 1);
  while (!long_sink->done()) server.Step();
  EXPECT_LT(server.Ttft("long"), 70);
  EXPECT_EQ(server.paced_steps(), 0u);
}

// Clients that send 128 tokens, get 64 and send again; long prompts come one after the other. ITLs while one is there.
std::vector<double> ItlsUnderClosedLoop(int32_t stretch_percent) {
  SimulatedServer server(stretch_percent);
  std::vector<std::shared_ptr<RecordingSink>> clients(kClients);
  std::vector<double> in_flight;
  int sent = 0;
  const auto step = [&] {
    for (auto& client : clients)
      if (!client || client->done()) client = server.Submit("c" + std::to_string(sent++), 128, 64);
    server.Step();
  };
  for (int i = 1; i <= 4; ++i) {
    while (sent < i * 40) step();
    const double arrival = server.Now();
    const auto long_sink = server.Submit("long" + std::to_string(i), kLongPrompt, 1);
    while (!long_sink->done()) step();
    for (const double itl : server.Itls(arrival, server.Now())) in_flight.push_back(itl);
  }
  return in_flight;
}

TEST(EngineLoopPace, HoldsUnderAClosedLoopOfShortRequests) {
  const std::vector<double> paced = ItlsUnderClosedLoop(180);
  const std::vector<double> unpaced = ItlsUnderClosedLoop(0);
  EXPECT_LE(Percentile(paced, 0.99), 2 * Percentile(paced, 0.5));
  EXPECT_LT(Percentile(paced, 0.99), Percentile(unpaced, 0.99) / 3);
  EXPECT_LT(Percentile(paced, 0.5), Percentile(unpaced, 0.5) / 2);
}

// First tokens of 16 requests that come at once, ascending.
std::vector<double> BurstTtfts(int32_t stretch_percent) {
  SimulatedServer server(stretch_percent);
  const auto first = server.Submit("first", 16, 200);
  while (first->tokens(0).size() < 5) server.Step();
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 1; i < kClients; ++i) sinks.push_back(server.Submit("b" + std::to_string(i), 128, 64));
  for (const auto& sink : sinks)
    while (sink->tokens(0).empty()) server.Step();
  std::vector<double> ttfts;
  for (int i = 1; i < kClients; ++i) ttfts.push_back(server.Ttft("b" + std::to_string(i)));
  return ttfts;
}

TEST(EngineLoopPace, ABurstKeepsItsTimeToFirstToken) {
  const std::vector<double> paced = BurstTtfts(180);
  const std::vector<double> unpaced = BurstTtfts(0);
  EXPECT_NEAR(Percentile(paced, 0.5), Percentile(unpaced, 0.5), 0.05 * Percentile(unpaced, 0.5));
  EXPECT_LT(Percentile(paced, 1), 1.25 * Percentile(unpaced, 1));  // the last ones have more streams beside them
}

TEST(EngineLoopPace, RefusesASenselessStretch) {
  Backend backend = MakeScriptedBackend();
  FakeClock clock;
  EngineOptions options;
  options.max_batch_tokens = options.max_running_requests = options.max_queued_requests = 8;
  options.max_queued_tokens = options.prefill_chunk_tokens = options.kv_block_tokens = 8;
  options.kv_bytes = 1 << 20;
  options.max_sequence_tokens = 40;
  options.step_wait_timeout_us = 1'000'000;
  for (const int32_t percent : {-1, 1, 100}) {
    options.max_itl_stretch_percent = percent;
    const auto loop = EngineLoop::Create(options, backend.device.get(), std::make_unique<ScriptedDecoder>(), &clock);
    EXPECT_EQ(loop.status().code(), absl::StatusCode::kInvalidArgument) << percent;
  }
}

}  // namespace
}  // namespace foregate
