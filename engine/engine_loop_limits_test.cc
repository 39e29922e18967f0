// Refusals, cancellation, deadlines and failures: what ends a request before its time.
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
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

using std::chrono::microseconds;

EngineOptions SmallOptions() {
  EngineOptions options;
  options.max_batch_tokens = 16;
  options.max_running_requests = 2;
  options.max_queued_requests = 3;
  options.max_queued_tokens = 30;
  options.prefill_chunk_tokens = 4;
  options.kv_block_tokens = 4;
  options.kv_bytes = 20 * 4 * kScriptedKvBytesPerToken;
  options.max_sequence_tokens = 40;
  options.step_wait_timeout_us = 1'000'000;
  return options;
}

GenerationRequest MakeRequest(const std::string& id, int32_t num_prompt_tokens, int32_t max_tokens) {
  GenerationRequest request;
  request.id = id;
  request.prompt.assign(static_cast<size_t>(num_prompt_tokens), 5);
  request.max_tokens = max_tokens;
  return request;
}

class EngineLoopLimitsTest : public testing::Test {
 protected:
  void Start(ScriptedDecoderOptions decoder = {}) {
    auto created =
        EngineLoop::Create(SmallOptions(), backend_.device.get(), std::make_unique<ScriptedDecoder>(decoder), &clock_);
    ASSERT_TRUE(created.ok()) << created.status();
    loop_ = std::move(*created);
  }
  std::shared_ptr<RecordingSink> Submit(GenerationRequest request) {
    auto sink = std::make_shared<RecordingSink>();
    const absl::Status status = loop_->Submit(std::move(request), sink);
    EXPECT_TRUE(status.ok()) << status;
    return sink;
  }
  absl::Status TrySubmit(GenerationRequest request) {
    return loop_->Submit(std::move(request), std::make_shared<RecordingSink>());
  }

  Backend backend_ = MakeScriptedBackend();
  FakeClock clock_;
  std::unique_ptr<EngineLoop> loop_;
};

TEST_F(EngineLoopLimitsTest, RefusesOptionsThatCannotServeOneSequence) {
  EngineOptions options = SmallOptions();
  options.kv_bytes = 9 * 4 * kScriptedKvBytesPerToken;
  const auto create = [&] {
    return EngineLoop::Create(options, backend_.device.get(), std::make_unique<ScriptedDecoder>(), &clock_).status();
  };
  absl::Status status = create();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.ToString().find("needs 10 blocks"), std::string::npos) << status;
  options = SmallOptions();
  options.max_sequence_tokens = 513;
  status = create();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.ToString().find("512"), std::string::npos) << status;
  options = SmallOptions();
  options.max_batch_tokens = 0;
  EXPECT_EQ(create().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineLoopLimitsTest, RefusesWhatCanNeverFit) {
  Start();
  EXPECT_EQ(TrySubmit(MakeRequest("a", 40, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TrySubmit(MakeRequest("a", 0, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TrySubmit(MakeRequest("a", 1, 0)).code(), absl::StatusCode::kInvalidArgument);
  GenerationRequest request = MakeRequest("a", 1, 1);
  request.num_samples = 3;
  EXPECT_EQ(TrySubmit(request).code(), absl::StatusCode::kInvalidArgument);
  request = MakeRequest("a", 1, 1);
  request.prompt[0] = 64;
  EXPECT_EQ(TrySubmit(request).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(loop_->metrics().requests[static_cast<size_t>(RequestOutcome::kRejected)].value(), 5u);
  EXPECT_TRUE(TrySubmit(MakeRequest("a", 39, 1)).ok());
}

TEST_F(EngineLoopLimitsTest, QueueIsBoundedByRequestsAndTokens) {
  Start();
  // Two run, then the queue fills.
  auto a = Submit(MakeRequest("a", 4, 30));
  auto b = Submit(MakeRequest("b", 4, 30));
  loop_->Step();
  EXPECT_EQ(loop_->load().running_requests, 2);
  EXPECT_EQ(loop_->load().waiting_requests, 0);
  EXPECT_TRUE(TrySubmit(MakeRequest("c", 20, 1)).ok());
  EXPECT_EQ(TrySubmit(MakeRequest("d", 11, 1)).code(), absl::StatusCode::kResourceExhausted);
  loop_->Step();  // c waits in the loop now, and still counts
  EXPECT_EQ(loop_->load().waiting_requests, 1);
  EXPECT_EQ(loop_->load().waiting_tokens, 20);
  EXPECT_EQ(TrySubmit(MakeRequest("d", 11, 1)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(TrySubmit(MakeRequest("d", 1, 1)).ok());
  EXPECT_TRUE(TrySubmit(MakeRequest("e", 1, 1)).ok());
  EXPECT_EQ(TrySubmit(MakeRequest("f", 1, 1)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(TrySubmit(MakeRequest("a", 1, 1)).code(), absl::StatusCode::kAlreadyExists);
  while (loop_->Step()) {
  }
  EXPECT_TRUE(TrySubmit(MakeRequest("a", 1, 1)).ok());
}

TEST_F(EngineLoopLimitsTest, CancelWorksInEveryStage) {
  Start();
  auto prefilling = Submit(MakeRequest("prefilling", 12, 30));
  auto decoding = Submit(MakeRequest("decoding", 2, 30));
  auto queued = Submit(MakeRequest("queued", 2, 30));
  loop_->Step();
  loop_->Step();
  EXPECT_GT(decoding->tokens(0).size(), 0u);
  EXPECT_EQ(prefilling->tokens(0).size(), 0u);
  for (const char* id : {"prefilling", "decoding", "queued"}) {
    EXPECT_TRUE(loop_->mailbox().Cancel(id, absl::CancelledError("away")));
    EXPECT_TRUE(loop_->mailbox().Cancel(id, absl::AbortedError("the first reason counts")));
  }
  EXPECT_FALSE(loop_->mailbox().Cancel("nobody", absl::CancelledError("away")));
  const size_t num_tokens = decoding->tokens(0).size();
  EXPECT_FALSE(loop_->Step());
  for (const auto& sink : {prefilling, decoding, queued}) {
    ASSERT_TRUE(sink->done());
    EXPECT_EQ(sink->status(), absl::CancelledError("away"));
  }
  EXPECT_EQ(decoding->tokens(0).size(), num_tokens);
  EXPECT_EQ(loop_->allocator().num_used(), 0);
  EXPECT_EQ(loop_->metrics().requests[static_cast<size_t>(RequestOutcome::kCancelled)].value(), 3u);
}

TEST_F(EngineLoopLimitsTest, CancelIsSeenBetweenLayersAndSparesTheOthers) {
  ScriptedDecoderOptions decoder;
  decoder.between_layers = [&](uint64_t step) {
    if (step == 3) loop_->mailbox().Cancel("a", absl::CancelledError("away"));
    if (step == 5) clock_.Advance(std::chrono::seconds(10));
  };
  Start(decoder);
  auto a = Submit(MakeRequest("a", 2, 30));
  GenerationRequest request = MakeRequest("b", 3, 30);
  request.deadline = clock_.Now() + std::chrono::seconds(5);
  auto b = Submit(request);
  while (loop_->Step()) {
  }
  EXPECT_EQ(a->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(a->tokens(0).size(), 3u);  // the fourth step was dropped
  EXPECT_EQ(b->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(b->tokens(0).size(), 5u);
  EXPECT_EQ(loop_->allocator().num_used(), 0);
}

TEST_F(EngineLoopLimitsTest, DeadlineEndsQueuedRequests) {
  Start();
  auto a = Submit(MakeRequest("a", 2, 30));
  auto b = Submit(MakeRequest("b", 2, 30));
  GenerationRequest request = MakeRequest("c", 2, 1);
  request.deadline = clock_.Now() + microseconds(50);
  auto c = Submit(request);
  loop_->Step();
  EXPECT_FALSE(c->done());
  clock_.Advance(microseconds(50));
  loop_->Step();
  EXPECT_EQ(c->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(c->summary().queue_us, 50);
  EXPECT_FALSE(a->done());
}

TEST_F(EngineLoopLimitsTest, StopSampleEndsOneSample) {
  Start();
  GenerationRequest request = MakeRequest("a", 6, 30);
  request.num_samples = 2;
  auto sink = Submit(request);
  loop_->Step();
  loop_->Step();
  loop_->Step();
  loop_->mailbox().StopSample("a", 1);
  loop_->mailbox().StopSample("a", 7);
  loop_->mailbox().StopSample("nobody", 0);
  while (loop_->Step()) {
  }
  EXPECT_TRUE(sink->status().ok());
  EXPECT_EQ(sink->tokens(0).size(), 30u);
  EXPECT_EQ(sink->tokens(1).size(), 2u);
  EXPECT_EQ(sink->finished().at(0), FinishReason::kLength);
  EXPECT_EQ(sink->finished().at(1), FinishReason::kStopString);
}

TEST_F(EngineLoopLimitsTest, FailedStepEndsItsRequestsAndTheEngineGoesOn) {
  ScriptedDecoderOptions decoder;
  decoder.on_launch = [](uint64_t step) {
    if (step == 2) return absl::UnknownError("boom");
    if (step == 5) return absl::ResourceExhaustedError("workspace");
    return absl::OkStatus();
  };
  Start(decoder);
  auto a = Submit(MakeRequest("a", 2, 30));
  auto b = Submit(MakeRequest("b", 2, 30));
  auto c = Submit(MakeRequest("c", 2, 30));
  while (loop_->Step()) {
  }
  EXPECT_EQ(a->status().code(), absl::StatusCode::kInternal);
  EXPECT_NE(a->status().ToString().find("boom"), std::string::npos);
  EXPECT_EQ(b->status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(c->status().code(), absl::StatusCode::kResourceExhausted);
  auto e = Submit(MakeRequest("e", 2, 3));
  while (loop_->Step()) {
  }
  EXPECT_TRUE(e->status().ok());
  EXPECT_EQ(loop_->allocator().num_used(), 0);
}

TEST_F(EngineLoopLimitsTest, NanLogitsEndOnlyTheirRequest) {
  ScriptedDecoderOptions decoder;
  decoder.on_logits = [](int32_t token, std::span<float> logits) {
    if (token == 9) logits[20] = std::numeric_limits<float>::quiet_NaN();
  };
  Start(decoder);
  GenerationRequest poisoned = MakeRequest("a", 3, 5);
  poisoned.prompt[2] = 9;
  auto a = Submit(poisoned);
  GenerationRequest healthy = MakeRequest("b", 3, 2);
  healthy.sampling.logit_bias = {{9, -1000.0f}};
  auto b = Submit(healthy);
  while (loop_->Step()) {
  }
  EXPECT_EQ(a->status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(b->status().ok());
  poisoned.sampling.num_prompt_logprobs = 1;
  poisoned.prompt.push_back(3);
  auto c = Submit(poisoned);
  while (loop_->Step()) {
  }
  EXPECT_EQ(c->status().code(), absl::StatusCode::kInternal);
}

TEST_F(EngineLoopLimitsTest, DestructionEndsEverything) {
  Start();
  auto running = Submit(MakeRequest("a", 2, 30));
  loop_->Step();
  auto in_mailbox = Submit(MakeRequest("b", 2, 30));
  loop_->mailbox().StopAccepting();
  EXPECT_EQ(TrySubmit(MakeRequest("c", 2, 30)).code(), absl::StatusCode::kUnavailable);
  loop_.reset();
  EXPECT_EQ(running->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(in_mailbox->status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace foregate
