// The engine over random traffic: arrivals, cancels, stops, deadlines, prefix hits, n > 1, preemption, any chunk and
// block size. Every request's tokens equal those that it gets alone, and every block comes back.
#include <algorithm>
#include <chrono>
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

constexpr int32_t kLongest = 48;

EngineOptions RoomyOptions() {
  EngineOptions options;
  options.max_batch_tokens = 1000;
  options.max_running_requests = 8;
  options.max_queued_requests = 1000;
  options.max_queued_tokens = 100'000;
  options.prefill_chunk_tokens = 1000;
  options.kv_block_tokens = 16;
  options.kv_bytes = 100 * 16 * kScriptedKvBytesPerToken;
  options.max_sequence_tokens = kLongest;
  options.step_wait_timeout_us = 1'000'000;
  return options;
}

struct Traffic {
  GenerationRequest request;
  std::shared_ptr<RecordingSink> sink;
  bool disturbed = false;  // cancelled or with a deadline: its tokens are a prefix of those it gets alone
  std::vector<bool> stopped;
};

class EngineProperty : public testing::TestWithParam<uint64_t> {
 protected:
  int32_t Draw(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool OneIn(uint64_t n) { return random_() % n == 0; }

  std::unique_ptr<EngineLoop> MakeLoop(const EngineOptions& options, ScriptedDecoderOptions decoder,
                                       const Clock* clock) {
    auto loop = EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(decoder), clock);
    EXPECT_TRUE(loop.ok()) << loop.status();
    return std::move(*loop);
  }

  EngineOptions RandomOptions() {
    EngineOptions options = RoomyOptions();
    options.kv_block_tokens = Draw(1, 9);
    options.max_running_requests = Draw(3, 8);
    options.max_batch_tokens = Draw(1, 40);
    options.prefill_chunk_tokens = Draw(1, 20);
    const int32_t blocks = (kLongest + options.kv_block_tokens - 1) / options.kv_block_tokens;
    options.kv_bytes = (blocks + Draw(0, blocks)) * options.kv_block_tokens * kScriptedKvBytesPerToken;
    options.max_itl_stretch_percent = OneIn(2) ? Draw(101, 400) : 0;
    options.expert_affinity_steps = OneIn(2) ? Draw(1, 5) : 0;
    options.prefix_cache = OneIn(2);
    options.priority_aging_us = Draw(0, 2) * 300;
    return options;
  }

  GenerationRequest RandomRequest(int32_t number, SteadyTime now) {
    GenerationRequest request;
    request.id = "r" + std::to_string(number);
    // Prompts that share beginnings: runs of a few families.
    const int32_t family = Draw(0, 2);
    const int32_t shared = Draw(0, 20);
    for (int32_t i = 0; i < shared; ++i) request.prompt.push_back((family * 5 + i) % 64);
    for (int32_t i = Draw(1, 10); i > 0; --i) request.prompt.push_back(Draw(0, 63));
    request.max_tokens = Draw(1, 25);
    request.min_tokens = Draw(0, 3);
    request.num_samples = OneIn(3) ? Draw(2, 3) : 1;
    request.priority = Draw(-1, 1);
    request.cache_salt = OneIn(4) ? "tenant" : "";
    for (int32_t token = Draw(0, 40); token < 64; token += 20) request.stop_token_ids.push_back(token);
    SamplingParams& sampling = request.sampling;
    sampling.seed = random_();
    sampling.temperature = OneIn(3) ? 0.0f : 0.8f;
    sampling.top_k = OneIn(3) ? 5 : 0;
    sampling.top_p = OneIn(3) ? 0.9f : 1.0f;
    sampling.repetition_penalty = OneIn(4) ? 1.3f : 1.0f;
    sampling.frequency_penalty = OneIn(4) ? 0.5f : 0.0f;
    sampling.num_logprobs = OneIn(4) ? 2 : -1;
    sampling.num_prompt_logprobs = OneIn(6) ? 1 : -1;
    if (OneIn(8)) request.deadline = now + std::chrono::microseconds(Draw(0, 3000));
    request.want_expert_stats = OneIn(2);
    return request;
  }

  // Two kinds of streams, and memory for the experts of one: they take turns.
  void ReadExperts(ScriptedDecoderOptions* decoder) {
    for (size_t expert = 0; expert < 4; ++expert) expert_board_.layer_of(expert).expert_bytes = 1000;
    expert_cache_.memory_bytes = 2000;
    decoder->routes_by_first_token = true;
    decoder->tier.cache = &expert_cache_;
    decoder->tier.store = &expert_reads_;
    decoder->tier.board = &expert_board_;
  }

  void CheckAgainstAlone(const Traffic& traffic) {
    FakeClock clock;
    auto loop = MakeLoop(RoomyOptions(), {}, &clock);
    GenerationRequest request = traffic.request;
    request.deadline = SteadyTime::max();
    auto alone = std::make_shared<RecordingSink>();
    ASSERT_TRUE(loop->Submit(request, alone).ok());
    while (loop->Step()) {
    }
    ASSERT_TRUE(alone->status().ok());
    for (int32_t sample = 0; sample < request.num_samples; ++sample) {
      const std::vector<int32_t> expected = alone->tokens(sample);
      const std::vector<int32_t> actual = traffic.sink->tokens(sample);
      if (traffic.disturbed || traffic.stopped[static_cast<size_t>(sample)]) {
        ASSERT_LE(actual.size(), expected.size());
        ASSERT_TRUE(std::equal(actual.begin(), actual.end(), expected.begin())) << request.id;
      } else {
        ASSERT_EQ(actual, expected) << request.id << " sample " << sample;
      }
    }
    if (traffic.disturbed) return;
    ASSERT_TRUE(traffic.sink->status().ok()) << traffic.sink->status();
    for (int32_t sample = 0; sample < request.num_samples; ++sample)
      if (!traffic.stopped[static_cast<size_t>(sample)]) {
        ASSERT_EQ(traffic.sink->finished().at(sample), alone->finished().at(sample));
      }
    // Nobody wanted a token any more before the first one came.
    const bool never_started = traffic.sink->summary().num_generated_tokens == 0;
    if (never_started && std::count(traffic.stopped.begin(), traffic.stopped.end(), false) == 0) return;
    const auto prompt = traffic.sink->prompt_logprobs();
    const auto expected_prompt = alone->prompt_logprobs();
    ASSERT_EQ(prompt.size(), expected_prompt.size());
    for (size_t i = 0; i < prompt.size(); ++i) ASSERT_EQ(prompt[i].logprob.logprob, expected_prompt[i].logprob.logprob);
  }

  std::mt19937_64 random_{GetParam()};
  Backend backend_ = MakeScriptedBackend();
  ExpertCacheCounters expert_cache_;
  FetchCounters expert_reads_;
  ExpertBoard expert_board_{1, 4};
};

TEST_P(EngineProperty, TokensDoNotDependOnTraffic) {
  FakeClock clock;
  const EngineOptions options = RandomOptions();
  std::vector<Traffic> traffic;
  EngineLoop* running = nullptr;
  const auto disturb = [&] {
    if (traffic.empty()) return;
    Traffic& victim = traffic[static_cast<size_t>(Draw(0, static_cast<int32_t>(traffic.size()) - 1))];
    if (victim.sink->done()) return;
    if (OneIn(2)) {
      victim.disturbed = true;
      running->mailbox().Cancel(victim.request.id, absl::CancelledError("away"));
    } else {
      const int32_t sample = Draw(0, victim.request.num_samples - 1);
      victim.stopped[static_cast<size_t>(sample)] = true;
      running->mailbox().StopSample(victim.request.id, sample);
    }
  };
  ScriptedDecoderOptions decoder;
  decoder.on_batch = [&](const Batch& batch) { ASSERT_LE(batch.num_rows(), options.max_batch_tokens); };
  if (options.expert_affinity_steps > 0) ReadExperts(&decoder);
  decoder.between_layers = [&](uint64_t) {
    const int32_t step_us = Draw(0, 100);
    clock.Advance(std::chrono::microseconds(step_us));
    expert_cache_.stall_us += static_cast<uint64_t>(step_us);
    expert_reads_.bytes_read[0] += 2000;
    if (OneIn(20)) disturb();
  };
  auto loop = MakeLoop(options, decoder, &clock);
  running = loop.get();

  int32_t to_come = 25;
  for (int step = 0;; ++step) {
    ASSERT_LT(step, 20'000) << "somebody starves";
    while (to_come > 0 && OneIn(3)) {
      Traffic next;
      next.request = RandomRequest(to_come--, clock.Now());
      next.sink = std::make_shared<RecordingSink>();
      next.disturbed = next.request.deadline != SteadyTime::max();
      next.stopped.assign(static_cast<size_t>(next.request.num_samples), false);
      ASSERT_TRUE(loop->Submit(next.request, next.sink).ok());
      traffic.push_back(std::move(next));
    }
    if (OneIn(40)) disturb();
    const bool busy = loop->Step();
    clock.Advance(std::chrono::microseconds(50));
    const BlockAllocator& blocks = loop->allocator();
    ASSERT_EQ(blocks.num_free() + blocks.num_used() + blocks.num_cached(), blocks.num_blocks());
    if (!busy && to_come == 0 && !loop->mailbox().HasMail()) break;
  }
  EXPECT_EQ(loop->allocator().num_used(), 0);
  if (!options.prefix_cache) {
    EXPECT_EQ(loop->allocator().num_cached(), 0);
  }
  EXPECT_EQ(loop->mailbox().depth().requests, 0);
  for (const Traffic& item : traffic) {
    ASSERT_TRUE(item.sink->done());
    CheckAgainstAlone(item);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineProperty, testing::Range<uint64_t>(0, 40));

// Preemption, prefix hits and copies on write must really occur in such traffic, or the property above says little.
TEST(EnginePropertyCoverage, ScarceBlocksPreemptAndHit) {
  Backend backend = MakeScriptedBackend();
  FakeClock clock;
  EngineOptions options = RoomyOptions();
  options.kv_block_tokens = 4;
  options.kv_bytes = 14 * 4 * kScriptedKvBytesPerToken;
  options.prefix_cache = true;
  auto loop =
      std::move(*EngineLoop::Create(options, backend.device.get(), std::make_unique<ScriptedDecoder>(), &clock));
  for (int32_t i = 0; i < 12; ++i) {
    GenerationRequest request;
    request.id = std::to_string(i);
    for (int32_t t = 0; t < 10; ++t) request.prompt.push_back(t);
    request.max_tokens = 20;
    request.num_samples = 2;
    request.sampling.seed = static_cast<uint64_t>(i);
    ASSERT_TRUE(loop->Submit(request, std::make_shared<RecordingSink>()).ok());
  }
  while (loop->Step()) {
  }
  EXPECT_GT(loop->metrics().preemptions.value(), 5u);
  EXPECT_GT(loop->metrics().prefix_cache_hit_tokens.value(), 40u);
}

}  // namespace
}  // namespace foregate
