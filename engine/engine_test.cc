#include "engine/engine.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/recording_sink.h"
#include "tests/fakes/scripted_decoder.h"

namespace foregate {
namespace {

EngineOptions TestOptions() {
  EngineOptions options;
  options.max_batch_tokens = 32;
  options.max_running_requests = 8;
  options.max_queued_requests = 10'000;
  options.max_queued_tokens = 1'000'000;
  options.prefill_chunk_tokens = 8;
  options.kv_block_tokens = 4;
  options.kv_bytes = 40 * 4 * kScriptedKvBytesPerToken;
  options.max_sequence_tokens = 64;
  options.prefix_cache = true;
  options.priority_aging_us = 1000;
  options.step_wait_timeout_us = 1'000'000;
  return options;
}

GenerationRequest MakeRequest(const std::string& id, int32_t seed) {
  GenerationRequest request;
  request.id = id;
  for (int32_t i = 0; i < 3 + seed % 17; ++i) request.prompt.push_back((seed + i) % 64);
  request.max_tokens = 1 + seed % 13;
  request.sampling.seed = static_cast<uint64_t>(seed);
  return request;
}

TEST(EngineTest, ServesAndReportsItsModel) {
  Backend backend = MakeScriptedBackend();
  SystemClock clock;
  auto engine = StartEngine(TestOptions(), &backend, std::make_unique<ScriptedDecoder>(), &clock);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->model().architecture, "scripted");
  EXPECT_EQ((*engine)->device().kind, "scripted");
  auto sink = std::make_shared<RecordingSink>();
  ASSERT_TRUE((*engine)->Submit(MakeRequest("a", 5), sink).ok());
  sink->WaitUntilDone();
  EXPECT_TRUE(sink->status().ok());
  EXPECT_EQ(sink->tokens(0).size(), 6u);
}

TEST(EngineTest, ConcurrentSubmittersAndCancellersAllGetAnEnd) {
  Backend backend = MakeScriptedBackend();
  SystemClock clock;
  auto engine = std::move(*StartEngine(TestOptions(), &backend, std::make_unique<ScriptedDecoder>(), &clock));
  constexpr int kThreads = 4;
  constexpr int kRequests = 60;
  std::vector<std::vector<std::shared_ptr<RecordingSink>>> sinks(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRequests; ++i) {
        const std::string id = std::to_string(t) + "/" + std::to_string(i);
        // Sinks may call back: some stop or cancel their own request at the first token.
        auto sink = std::make_shared<RecordingSink>([&engine, id, i](int32_t sample, const TokenRecord&) {
          if (i % 7 == 1) engine->StopSample(id, sample);
          if (i % 7 == 2) engine->Cancel(id, absl::CancelledError("enough"));
        });
        ASSERT_TRUE(engine->Submit(MakeRequest(id, t * 1000 + i), sink).ok());
        if (i % 5 == 0) engine->Cancel(id, absl::CancelledError("away"));
        if (i % 11 == 0) {
          EXPECT_GE(engine->load().kv_blocks_total, 40);
        }
        sinks[static_cast<size_t>(t)].push_back(std::move(sink));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& list : sinks)
    for (const auto& sink : list) sink->WaitUntilDone();
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kRequests; ++i) {
      const RecordingSink& sink = *sinks[static_cast<size_t>(t)][static_cast<size_t>(i)];
      if (i % 5 != 0 && i % 7 != 2) {
        EXPECT_TRUE(sink.status().ok()) << sink.status();
      }
      if (i % 5 != 0 && i % 7 != 1 && i % 7 != 2) {
        EXPECT_EQ(sink.tokens(0).size(), static_cast<size_t>(1 + (t * 1000 + i) % 13));
      }
    }
  }
  engine->StopAccepting();
  EXPECT_EQ(engine->Submit(MakeRequest("late", 1), std::make_shared<RecordingSink>()).code(),
            absl::StatusCode::kUnavailable);
}

TEST(EngineTest, DestructionEndsRunningAndQueuedRequests) {
  Backend backend = MakeScriptedBackend();
  SystemClock clock;
  auto engine = std::move(*StartEngine(TestOptions(), &backend, std::make_unique<ScriptedDecoder>(), &clock));
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 50; ++i) {
    sinks.push_back(std::make_shared<RecordingSink>());
    ASSERT_TRUE(engine->Submit(MakeRequest(std::to_string(i), i), sinks.back()).ok());
  }
  engine.reset();
  for (const auto& sink : sinks) {
    ASSERT_TRUE(sink->done());
    EXPECT_TRUE(sink->status().ok() || absl::IsUnavailable(sink->status())) << sink->status();
  }
}

}  // namespace
}  // namespace foregate
