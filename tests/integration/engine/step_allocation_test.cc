// The engine thread allocates nothing while streams decode: not per token, not per step, not when a sequence gets its
// next KV block and the prefix cache learns of the full one. Held from the mailbox to the text pipelines' queues on the
// embedded model, with the loop's own thread doing the kernels' work as well (one compute thread).
//
// What may allocate on it, and does: the arrival of a request (its state, then room for all its tokens and blocks), its
// end, and with alternatives asked for the list of each token, whose memory goes to the text threads. The queues to
// text threads that fall behind, and the tokens that penalties remember beyond 4096, grow by doubling.
#include <cstdint>
#include <cstdlib>

#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/integration/engine/allocation_count.h"
#include "tests/integration/engine/served_streams.h"

namespace foregate {
namespace {

constexpr int kStreams = 16;
constexpr int kWarmUpSteps = 40;
constexpr int kSteps = 64;  // each sequence gets its next block of 16 tokens four times

// Allocations of this thread during kSteps steps of 16 streams.
uint64_t AllocationsOfSteps(const SamplingParams& sampling, DType kv_dtype = DType::kF32) {
  auto backend = MakeCpuBackend({.num_threads = 1, .isa = ""});
  EXPECT_TRUE(backend.ok()) << backend.status();
  ServedStreams streams("models/mini", "", *std::move(backend), kStreams, /*max_tokens_per_stream=*/160, kv_dtype);
  for (int i = 0; i < kStreams; ++i) streams.Add(/*prompt_tokens=*/10 + i, /*max_tokens=*/128, sampling);
  const auto step = [&] {
    EXPECT_TRUE(streams.Step());
    streams.WaitForText();  // text threads that fall behind would make a queue grow
  };
  for (int i = 0; i < kWarmUpSteps; ++i) step();
  const uint64_t tokens_before = streams.metrics().generation_tokens.value();
  RememberAllocationStacks();
  const uint64_t before = ThreadAllocations();
  for (int i = 0; i < kSteps; ++i) step();
  const uint64_t allocations = ThreadAllocations() - before;
  if (allocations > 0) PrintAllocationStacks();
  EXPECT_EQ(streams.metrics().generation_tokens.value() - tokens_before, uint64_t{kSteps} * kStreams);
  return allocations;
}

class StepAllocation : public testing::Test {
 protected:
  void SetUp() override {
    if (!CountsAllocations()) GTEST_SKIP() << "a sanitizer has replaced malloc";
  }
};

TEST_F(StepAllocation, TheCounterSeesEveryKind) {
  const uint64_t before = ThreadAllocations();
  void* volatile memory = malloc(10);  // volatile: a compiler may leave out what nobody looks at
  memory = realloc(memory, 100);
  free(memory);
  memory = calloc(2, 10);
  free(memory);
  memory = aligned_alloc(64, 64);
  free(memory);
  int* volatile number = new int;
  delete number;
  EXPECT_EQ(ThreadAllocations() - before, 5u);
}

TEST_F(StepAllocation, GreedyStreamsAllocateNothing) {
  SamplingParams sampling;
  sampling.temperature = 0;
  EXPECT_EQ(AllocationsOfSteps(sampling), 0u);
  EXPECT_EQ(AllocationsOfSteps(sampling, DType::kBf16), 0u);
}

TEST_F(StepAllocation, SamplingPenaltiesAndLogprobsAllocateNothing) {
  SamplingParams sampling;
  sampling.temperature = 0.8f;
  sampling.top_k = 40;
  sampling.top_p = 0.9f;
  sampling.min_p = 0.01f;
  sampling.repetition_penalty = 1.1f;
  sampling.presence_penalty = 0.1f;
  sampling.logit_bias = {{5, 1.0f}};
  sampling.num_logprobs = 0;
  EXPECT_EQ(AllocationsOfSteps(sampling), 0u);
}

TEST_F(StepAllocation, APromptThatIsHeldBackBesideStreamsAllocatesNothing) {
  auto backend = MakeCpuBackend({.num_threads = 1, .isa = ""});
  ASSERT_TRUE(backend.ok()) << backend.status();
  ServedStreams streams("models/mini", "", *std::move(backend), kStreams + 1, /*max_tokens_per_stream=*/400);
  SamplingParams sampling;
  sampling.temperature = 0;
  for (int i = 0; i < kStreams; ++i) streams.Add(/*prompt_tokens=*/10 + i, /*max_tokens=*/300, sampling);
  const auto tokens = [&] { return streams.metrics().generation_tokens.value(); };
  const auto step = [&] {
    const uint64_t before = ThreadAllocations();
    EXPECT_TRUE(streams.Step());
    const uint64_t allocations = ThreadAllocations() - before;
    streams.WaitForText();
    return allocations;
  };
  for (int i = 0; i < kWarmUpSteps; ++i) step();
  streams.Add(/*prompt_tokens=*/390, /*max_tokens=*/1, sampling);
  step();  // it arrives; the first of its steps may only measure, the next ones bring rows
  step();
  step();
  const uint64_t paced_before = streams.metrics().paced_steps.value();
  int counted = 0;
  for (; counted < 200; ++counted) {
    const uint64_t tokens_before = tokens();
    const uint64_t allocations = step();
    if (tokens() - tokens_before != kStreams) break;  // its token, and its end
    EXPECT_EQ(allocations, 0u);
  }
  EXPECT_GT(counted, 1);
  EXPECT_GT(streams.metrics().paced_steps.value(), paced_before);
}

TEST_F(StepAllocation, AlternativesAllocateTheirListAndNoMore) {
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.num_logprobs = 5;
  EXPECT_EQ(AllocationsOfSteps(sampling), uint64_t{kSteps} * kStreams);
}

}  // namespace
}  // namespace foregate
