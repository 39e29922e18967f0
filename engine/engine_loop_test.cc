#include "engine/engine_loop.h"

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/recording_sink.h"
#include "tests/fakes/scripted_decoder.h"

namespace foregate {
namespace {

using std::chrono::microseconds;

constexpr int32_t kBlockTokens = 4;

EngineOptions SmallOptions(int32_t num_blocks) {
  EngineOptions options;
  options.max_batch_tokens = 16;
  options.max_running_requests = 4;
  options.max_queued_requests = 8;
  options.max_queued_tokens = 1000;
  options.prefill_chunk_tokens = 8;
  options.kv_block_tokens = kBlockTokens;
  options.kv_bytes = num_blocks * kBlockTokens * kScriptedKvBytesPerToken;
  options.max_sequence_tokens = 40;
  options.priority_aging_us = 1000;
  options.step_wait_timeout_us = 1'000'000;
  return options;
}

GenerationRequest MakeRequest(const std::string& id, std::vector<int32_t> prompt, int32_t max_tokens) {
  GenerationRequest request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.sampling.seed = 7;
  return request;
}

std::vector<int32_t> Tokens(int32_t first, int32_t count) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < count; ++i) tokens.push_back((first + i * 7) % 64);
  return tokens;
}

class EngineLoopTest : public testing::Test {
 protected:
  void Start(const EngineOptions& options, ScriptedDecoderOptions decoder = {}) {
    auto created =
        EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(decoder), &clock_);
    ASSERT_TRUE(created.ok()) << created.status();
    loop_ = std::move(*created);
  }
  std::shared_ptr<RecordingSink> Submit(GenerationRequest request) {
    auto sink = std::make_shared<RecordingSink>();
    const absl::Status status = loop_->Submit(std::move(request), sink);
    EXPECT_TRUE(status.ok()) << status;
    return sink;
  }
  void RunUntilIdle() {
    for (int step = 0; loop_->Step(); ++step) {
      ASSERT_LT(step, 2000) << "no end in sight";
      clock_.Advance(microseconds(100));
    }
  }
  // The sinks's output when nothing else runs, with room for everything.
  std::vector<std::vector<int32_t>> Alone(GenerationRequest request) {
    EngineOptions options = SmallOptions(200);
    options.max_batch_tokens = 1000;
    options.prefill_chunk_tokens = 1000;
    FakeClock clock;
    auto loop = EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(), &clock);
    auto sink = std::make_shared<RecordingSink>();
    const int32_t n = request.num_samples;
    EXPECT_TRUE((*loop)->Submit(std::move(request), sink).ok());
    while ((*loop)->Step()) {
    }
    EXPECT_TRUE(sink->done());
    std::vector<std::vector<int32_t>> outputs;
    for (int32_t i = 0; i < n; ++i) outputs.push_back(sink->tokens(i));
    return outputs;
  }
  void ExpectNothingHeld() {
    EXPECT_EQ(loop_->allocator().num_used(), 0);
    const EngineLoad load = loop_->load();
    EXPECT_EQ(load.running_requests, 0);
    EXPECT_EQ(load.waiting_requests, 0);
    EXPECT_EQ(load.waiting_tokens, 0);
  }

  Backend backend_ = MakeScriptedBackend();
  FakeClock clock_;
  std::unique_ptr<EngineLoop> loop_;
};

TEST_F(EngineLoopTest, GeneratesUpToMaxTokens) {
  Start(SmallOptions(20));
  EXPECT_FALSE(loop_->Step());
  auto sink = Submit(MakeRequest("a", Tokens(3, 11), 5));
  RunUntilIdle();
  ASSERT_TRUE(sink->done());
  EXPECT_TRUE(sink->status().ok());
  EXPECT_EQ(sink->tokens(0).size(), 5u);
  EXPECT_EQ(sink->finished().at(0), FinishReason::kLength);
  const RequestSummary summary = sink->summary();
  EXPECT_EQ(summary.num_prompt_tokens, 11);
  EXPECT_EQ(summary.num_generated_tokens, 5);
  // Prompt in two chunks of 8 and 3, 100 us a step, then four decode steps.
  EXPECT_EQ(summary.queue_us, 0);
  EXPECT_EQ(summary.prefill_us, 100);
  EXPECT_EQ(summary.first_token_us, 100);
  EXPECT_EQ(summary.decode_us, 400);
  EXPECT_EQ(loop_->metrics().generation_tokens.value(), 5u);
  EXPECT_EQ(loop_->metrics().requests[static_cast<size_t>(RequestOutcome::kLength)].value(), 1u);
  ExpectNothingHeld();
}

TEST_F(EngineLoopTest, StopTokenEndsTheSampleAndIsEmitted) {
  const std::vector<int32_t> free_running = Alone(MakeRequest("a", Tokens(3, 6), 8))[0];
  GenerationRequest request = MakeRequest("a", Tokens(3, 6), 8);
  request.stop_token_ids = {free_running[3]};
  Start(SmallOptions(20));
  auto sink = Submit(request);
  RunUntilIdle();
  EXPECT_EQ(sink->tokens(0), std::vector<int32_t>(free_running.begin(), free_running.begin() + 4));
  EXPECT_EQ(sink->finished().at(0), FinishReason::kStopToken);
  EXPECT_EQ(sink->summary().num_generated_tokens, 4);

  request.min_tokens = 6;
  sink = Submit(request);
  RunUntilIdle();
  const std::vector<int32_t> tokens = sink->tokens(0);
  ASSERT_GE(tokens.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_NE(tokens[i], free_running[3]);
}

TEST_F(EngineLoopTest, ContextLimitCutsMaxTokens) {
  Start(SmallOptions(20));
  auto sink = Submit(MakeRequest("a", Tokens(1, 37), 1000));
  RunUntilIdle();
  EXPECT_EQ(sink->tokens(0).size(), 3u);
  EXPECT_EQ(sink->finished().at(0), FinishReason::kLength);
}

TEST_F(EngineLoopTest, BatchAndChunksDoNotChangeTokens) {
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 6; ++i) requests.push_back(MakeRequest("r" + std::to_string(i), Tokens(i, 3 + 5 * i), 9));
  requests[2].sampling.temperature = 0;
  requests[4].sampling.repetition_penalty = 1.5f;
  Start(SmallOptions(60));
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (const GenerationRequest& request : requests) sinks.push_back(Submit(request));
  RunUntilIdle();
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(sinks[i]->tokens(0), Alone(requests[i])[0]) << i;
  ExpectNothingHeld();
}

TEST_F(EngineLoopTest, PreemptionKeepsTokens) {
  // Three sequences of 20 tokens need 15 blocks; there are 10.
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  Start(SmallOptions(10));
  for (int i = 0; i < 3; ++i) sinks.push_back(Submit(MakeRequest("r" + std::to_string(i), Tokens(i, 4), 16)));
  RunUntilIdle();
  EXPECT_GT(loop_->metrics().preemptions.value(), 0u);
  EXPECT_EQ(sinks[0]->summary().num_preemptions, 0);  // the first in the order never gives way
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(sinks[static_cast<size_t>(i)]->tokens(0), Alone(MakeRequest("x", Tokens(i, 4), 16))[0]);
  ExpectNothingHeld();
}

TEST_F(EngineLoopTest, PrefixHitsSaveWorkAndKeepTokens) {
  EngineOptions options = SmallOptions(20);
  options.prefix_cache = true;
  Start(options);
  const std::vector<int32_t> prompt = Tokens(5, 12);
  auto first = Submit(MakeRequest("a", prompt, 4));
  RunUntilIdle();
  auto second = Submit(MakeRequest("b", prompt, 4));
  RunUntilIdle();
  EXPECT_EQ(first->summary().num_cached_tokens, 0);
  EXPECT_EQ(second->summary().num_cached_tokens, 8);  // the block of the last prompt token is computed again
  EXPECT_EQ(second->tokens(0), first->tokens(0));
  EXPECT_EQ(second->tokens(0), Alone(MakeRequest("c", prompt, 4))[0]);

  GenerationRequest salted = MakeRequest("d", prompt, 4);
  salted.cache_salt = "tenant";
  auto third = Submit(salted);
  GenerationRequest with_logprobs = MakeRequest("e", prompt, 4);
  with_logprobs.sampling.num_prompt_logprobs = 1;
  auto fourth = Submit(with_logprobs);
  RunUntilIdle();
  EXPECT_EQ(third->summary().num_cached_tokens, 0);
  EXPECT_EQ(fourth->summary().num_cached_tokens, 0);
  EXPECT_EQ(loop_->metrics().prefix_cache_query_tokens.value(), 36u);
  EXPECT_EQ(loop_->metrics().prefix_cache_hit_tokens.value(), 8u);
  ExpectNothingHeld();
  EXPECT_GT(loop_->load().kv_blocks_cached, 0);
}

TEST_F(EngineLoopTest, SamplesShareThePromptAndDiverge) {
  uint64_t prompt_rows = 0;
  ScriptedDecoderOptions decoder;
  decoder.on_batch = [&](const Batch& batch) {
    for (const int32_t position : batch.positions) prompt_rows += position < 10 ? 1 : 0;
  };
  Start(SmallOptions(30), decoder);
  GenerationRequest request = MakeRequest("a", Tokens(5, 10), 6);  // the last prompt block is half full
  request.num_samples = 3;
  auto sink = Submit(request);
  RunUntilIdle();
  EXPECT_EQ(prompt_rows, 10u);
  const auto alone = Alone(request);
  for (int32_t i = 0; i < 3; ++i) EXPECT_EQ(sink->tokens(i), alone[static_cast<size_t>(i)]);
  EXPECT_NE(sink->tokens(0), sink->tokens(1));
  EXPECT_NE(sink->tokens(1), sink->tokens(2));
  EXPECT_EQ(sink->summary().num_generated_tokens, 18);
  // The first sample is what the request gives without n.
  request.num_samples = 1;
  EXPECT_EQ(Alone(request)[0], alone[0]);
  ExpectNothingHeld();
}

TEST_F(EngineLoopTest, PromptLogprobsComeOnceBeforeTheTokens) {
  GenerationRequest request = MakeRequest("a", Tokens(5, 13), 3);
  request.sampling.num_prompt_logprobs = 2;
  request.sampling.num_logprobs = 3;
  Start(SmallOptions(30));
  auto sink = Submit(request);
  RunUntilIdle();
  const std::vector<TokenRecord> prompt = sink->prompt_logprobs();
  ASSERT_EQ(prompt.size(), 13u);
  EXPECT_FALSE(prompt[0].has_logprob);
  for (size_t i = 0; i < prompt.size(); ++i) EXPECT_EQ(prompt[i].token, request.prompt[i]);
  for (size_t i = 1; i < prompt.size(); ++i) {
    EXPECT_TRUE(prompt[i].has_logprob);
    EXPECT_EQ(prompt[i].top.size(), 2u);
  }
  // The log-probability of a prompt token is that of the same token generated after the same prefix.
  const std::vector<TokenRecord> generated = sink->records(0);
  EXPECT_EQ(generated[0].top.size(), 3u);
  GenerationRequest longer = MakeRequest("b", request.prompt, 1);
  longer.prompt.push_back(generated[0].token);
  longer.sampling.num_prompt_logprobs = 0;
  auto second = Submit(longer);
  RunUntilIdle();
  EXPECT_EQ(second->prompt_logprobs().back().logprob.logprob, generated[0].logprob.logprob);
  EXPECT_EQ(second->prompt_logprobs().back().logprob.rank, generated[0].logprob.rank);
}

TEST_F(EngineLoopTest, PromptLogprobsSurvivePreemption) {
  Start(SmallOptions(10));
  auto first = Submit(MakeRequest("a", Tokens(1, 4), 30));
  GenerationRequest request = MakeRequest("b", Tokens(5, 12), 20);
  request.sampling.num_prompt_logprobs = 0;
  auto second = Submit(request);
  RunUntilIdle();
  EXPECT_GT(second->summary().num_preemptions, 0);
  EXPECT_EQ(second->prompt_logprobs().size(), 12u);
  EXPECT_EQ(second->tokens(0), Alone(request)[0]);
}

TEST_F(EngineLoopTest, ExpertCountsAddUpToTheTokensComputed) {
  Start(SmallOptions(30));
  GenerationRequest request = MakeRequest("a", Tokens(5, 10), 6);
  request.want_expert_stats = true;
  auto sink = Submit(request);
  auto other = Submit(MakeRequest("b", Tokens(6, 10), 6));
  RunUntilIdle();
  const ExpertCounts counts = sink->summary().experts;
  ASSERT_EQ(counts.layers, std::vector<int32_t>{1});
  uint64_t total = 0;
  for (const uint64_t count : counts.counts) total += count;
  EXPECT_EQ(total, 2u * (10 + 5));  // two experts per token; the last token is never computed
  EXPECT_TRUE(other->summary().experts.counts.empty());
  uint64_t all = 0;
  for (int32_t e = 0; e < 4; ++e) all += loop_->routing().count(0, e);
  EXPECT_EQ(all, 2 * total);
}

}  // namespace
}  // namespace foregate
