// Sequences that take turns by their experts, in the engine's loop: two kinds of streams, each wanting two of four
// experts, in memory that holds two; every step waits for experts most of its time.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/recording_sink.h"
#include "tests/fakes/scripted_decoder.h"

namespace foregate {
namespace {

constexpr uint64_t kExpertBytes = 1000;
constexpr int32_t kStreams = 8;
constexpr int32_t kTokens = 120;

class TurnsServer {
 public:
  enum class Experts { kInMemory, kOnDisk };
  // Of a step of a millisecond.
  struct Pace {
    uint64_t stall_us = 900;
    uint64_t dense_bytes = 0;
  };

  explicit TurnsServer(int32_t affinity_steps, Experts experts = Experts::kOnDisk)
      : TurnsServer(affinity_steps, experts, Pace{}) {}
  TurnsServer(int32_t affinity_steps, Experts experts, Pace pace) {
    EngineOptions options;
    options.max_batch_tokens = 64;
    options.max_running_requests = 16;
    options.max_queued_requests = 100;
    options.max_queued_tokens = 100'000;
    options.prefill_chunk_tokens = 8;
    options.expert_affinity_steps = affinity_steps;
    options.kv_block_tokens = 16;
    options.kv_bytes = 400 * 16 * kScriptedKvBytesPerToken;
    options.max_sequence_tokens = 400;
    options.priority_aging_us = 1'000'000;
    options.step_wait_timeout_us = 1'000'000;
    for (size_t expert = 0; expert < 4; ++expert) board_.layer_of(expert).expert_bytes = kExpertBytes;
    cache_.memory_bytes = 2 * kExpertBytes;
    ScriptedDecoderOptions decoder;
    decoder.routes_by_first_token = true;
    decoder.tier.board = &board_;
    if (experts == Experts::kOnDisk) {
      decoder.tier.cache = &cache_;
      decoder.tier.store = &reads_;
    }
    decoder.dense_bytes = pace.dense_bytes;
    decoder.weight_bytes = pace.dense_bytes + cache_.memory_bytes;
    decoder.on_batch = [this, pace](const Batch&) {
      clock_.Advance(std::chrono::microseconds(1000));
      cache_.stall_us += pace.stall_us;
      reads_.bytes_read[0] += 2 * kExpertBytes;
    };
    decoder.on_experts = [this](std::span<uint8_t> dropped) {
      if (!std::exchange(stalls_, false)) return absl::OkStatus();
      clock_.Advance(std::chrono::seconds(30));
      cache_.stall_us += 30'000'000;
      dropped.back() = 1;
      return absl::UnavailableError("the disk is stalled");
    };
    auto loop = EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(decoder), &clock_);
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = std::move(*loop);
  }

  // Even first tokens are one kind of stream, odd ones the other.
  std::shared_ptr<RecordingSink> Submit(int32_t first_token, int32_t prompt_tokens = 1, int32_t priority = 0,
                                        int32_t num_samples = 1) {
    GenerationRequest request;
    request.id = std::to_string(num_submitted_++);
    request.prompt.assign(static_cast<size_t>(prompt_tokens), first_token);
    request.max_tokens = kTokens;
    request.priority = priority;
    request.num_samples = num_samples;
    request.sampling.seed = static_cast<uint64_t>(first_token);
    auto sink = std::make_shared<RecordingSink>();
    EXPECT_TRUE(loop_->Submit(std::move(request), sink).ok());
    return sink;
  }

  // The next step waits half a minute in vain, and loses its last sequence.
  void Stall() { stalls_ = true; }

  EngineLoop& loop() { return *loop_; }
  uint64_t passed_over() const { return loop_->metrics().expert_passed_over.value(); }

 private:
  FakeClock clock_;
  Backend backend_ = MakeScriptedBackend();
  ExpertBoard board_{1, 4};
  ExpertCacheCounters cache_;
  FetchCounters reads_;
  int num_submitted_ = 0;
  bool stalls_ = false;
  std::unique_ptr<EngineLoop> loop_;
};

using Sinks = std::vector<std::shared_ptr<RecordingSink>>;

Sinks SubmitStreams(TurnsServer* server, int32_t priority = 0) {
  Sinks sinks;
  for (int32_t i = 0; i < kStreams; ++i) sinks.push_back(server->Submit(i, /*prompt_tokens=*/1, priority));
  return sinks;
}

// Steps until somebody has sat out; false when all ended before.
bool StepUntilTurns(TurnsServer* server) {
  while (server->passed_over() == 0)
    if (!server->loop().Step()) return false;
  return true;
}

std::vector<std::vector<int32_t>> TokensWith(int32_t affinity_steps, uint64_t* passed_over) {
  TurnsServer server(affinity_steps);
  const Sinks sinks = SubmitStreams(&server);
  while (server.loop().Step()) {
  }
  *passed_over = server.passed_over();
  std::vector<std::vector<int32_t>> tokens;
  for (const auto& sink : sinks) {
    EXPECT_TRUE(sink->status().ok()) << sink->status();
    tokens.push_back(sink->tokens(0));
  }
  return tokens;
}

TEST(EngineLoopTurnsTest, TurnsChangeNoToken) {
  uint64_t passed_over = 0;
  const auto expected = TokensWith(0, &passed_over);
  EXPECT_EQ(passed_over, 0u);
  for (const int32_t affinity_steps : {4, 7, 16}) {
    EXPECT_EQ(TokensWith(affinity_steps, &passed_over), expected) << affinity_steps;
    EXPECT_GT(passed_over, 100u) << affinity_steps;
  }
}

TEST(EngineLoopTurnsTest, NobodyWaitsForMoreStepsThanIsSet) {
  constexpr int32_t kMost = 4;
  TurnsServer server(kMost);
  const Sinks sinks = SubmitStreams(&server);
  std::vector<size_t> num_tokens(kStreams);
  std::vector<int32_t> waited(kStreams);
  int32_t longest = 0;
  while (server.loop().Step()) {
    for (size_t s = 0; s < sinks.size(); ++s) {
      const size_t now = sinks[s]->tokens(0).size();
      waited[s] = now > num_tokens[s] || sinks[s]->done() ? 0 : waited[s] + 1;
      num_tokens[s] = now;
      longest = std::max(longest, waited[s]);
    }
  }
  EXPECT_EQ(longest, kMost);
}

TEST(EngineLoopTurnsTest, WithExpertsInMemoryThereAreNoTurns) {
  TurnsServer server(4, TurnsServer::Experts::kInMemory);
  const Sinks sinks = SubmitStreams(&server);
  EXPECT_FALSE(StepUntilTurns(&server));
  for (const auto& sink : sinks) EXPECT_EQ(sink->tokens(0).size(), static_cast<size_t>(kTokens));
}

// Each turn computes with all of the dense weights for half of the tokens. Of the experts only two of four have memory.
TEST(EngineLoopTurnsTest, DenseWeightsAreComputedWithInEveryTurn) {
  for (const uint64_t dense_bytes : {uint64_t{0}, 2 * kExpertBytes}) {
    TurnsServer server(4, TurnsServer::Experts::kOnDisk, {.stall_us = 300, .dense_bytes = dense_bytes});
    const Sinks sinks = SubmitStreams(&server);
    EXPECT_EQ(StepUntilTurns(&server), dense_bytes == 0) << dense_bytes;
  }
}

TEST(EngineLoopTurnsTest, AStepThatWaitedInVainTeachesNothing) {
  TurnsServer server(4, TurnsServer::Experts::kOnDisk, {.stall_us = 300, .dense_bytes = 2 * kExpertBytes});
  const Sinks sinks = SubmitStreams(&server);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(server.loop().Step());
  server.Stall();
  EXPECT_FALSE(StepUntilTurns(&server));
  EXPECT_TRUE(absl::IsUnavailable(sinks.back()->status())) << sinks.back()->status();
  EXPECT_TRUE(sinks.front()->status().ok()) << sinks.front()->status();
}

TEST(EngineLoopTurnsTest, NobodySitsOutBesideAPrompt) {
  TurnsServer server(4);
  const Sinks sinks = SubmitStreams(&server);
  ASSERT_TRUE(StepUntilTurns(&server));
  const auto prompt = server.Submit(1, /*prompt_tokens=*/80);
  const uint64_t passed_over = server.passed_over();
  const size_t num_tokens = sinks[0]->tokens(0).size();
  int num_steps = 0;
  for (; prompt->tokens(0).empty(); ++num_steps) ASSERT_TRUE(server.loop().Step());
  EXPECT_EQ(num_steps, 10);
  EXPECT_EQ(sinks[0]->tokens(0).size(), num_tokens + 10);
  EXPECT_EQ(server.passed_over(), passed_over);
}

TEST(EngineLoopTurnsTest, NobodySitsOutBesideLowerPriority) {
  TurnsServer server(16);
  const Sinks sinks = SubmitStreams(&server, /*priority=*/1);
  ASSERT_TRUE(StepUntilTurns(&server));
  const auto idle = server.Submit(0, /*prompt_tokens=*/1, /*priority=*/0);
  const uint64_t passed_over = server.passed_over();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(server.loop().Step());
  EXPECT_EQ(server.passed_over(), passed_over);
  EXPECT_EQ(idle->tokens(0).size(), 10u);
}

TEST(EngineLoopTurnsTest, SamplesOfOneRequestTakeTurnsToo) {
  TurnsServer server(6);
  const auto even = server.Submit(0, 1, 0, /*num_samples=*/4);
  const auto odd = server.Submit(1, 1, 0, /*num_samples=*/4);
  EXPECT_TRUE(StepUntilTurns(&server));
  while (server.loop().Step()) {
  }
  for (int32_t sample = 0; sample < 4; ++sample) {
    EXPECT_EQ(even->tokens(sample).size(), static_cast<size_t>(kTokens));
    EXPECT_EQ(odd->tokens(sample).size(), static_cast<size_t>(kTokens));
  }
}

TEST(EngineLoopTurnsTest, WhoSitsOutIsCancelledAtOnce) {
  TurnsServer server(8);
  const Sinks sinks = SubmitStreams(&server);
  ASSERT_TRUE(StepUntilTurns(&server));
  std::vector<size_t> before;
  for (const auto& sink : sinks) before.push_back(sink->tokens(0).size());
  ASSERT_TRUE(server.loop().Step());
  size_t waits = 0;
  while (waits < sinks.size() && sinks[waits]->tokens(0).size() > before[waits]) ++waits;
  ASSERT_LT(waits, sinks.size());
  server.loop().mailbox().Cancel(std::to_string(waits), absl::CancelledError("away"));
  ASSERT_TRUE(server.loop().Step());
  EXPECT_TRUE(sinks[waits]->done());
  EXPECT_EQ(sinks[waits]->tokens(0).size(), before[waits]);
}

TEST(EngineLoopTurnsTest, LessThanNoStepIsRefused) {
  FakeClock clock;
  Backend backend = MakeScriptedBackend();
  EngineOptions options;
  options.max_batch_tokens = 16;
  options.max_running_requests = 4;
  options.max_queued_requests = 8;
  options.max_queued_tokens = 1000;
  options.prefill_chunk_tokens = 8;
  options.expert_affinity_steps = -1;
  options.kv_block_tokens = 4;
  options.kv_bytes = 40 * kScriptedKvBytesPerToken;
  options.max_sequence_tokens = 40;
  options.step_wait_timeout_us = 1'000'000;
  const auto loop = EngineLoop::Create(options, backend.device.get(), std::make_unique<ScriptedDecoder>(), &clock);
  EXPECT_EQ(loop.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(loop.status().message().find("expert_affinity_steps is -1"), std::string_view::npos);
}

}  // namespace
}  // namespace foregate
