#include "tests/integration/engine/traffic.h"

#include <algorithm>
#include <bit>
#include <random>

#include "engine/engine_loop.h"
#include "engine/model/load_model.h"
#include "kernels/base/check.h"
#include "tests/fakes/recording_sink.h"

namespace foregate {
namespace {

constexpr int kMaxSteps = 100000;  // a hang fails instead of waiting for the test's timeout

std::unique_ptr<EngineLoop> MakeLoop(const std::string& model_dir, const EngineVariant& variant, const Backend& backend,
                                     const Clock* clock) {
  LoadOptions load;
  load.directory = model_dir;
  load.max_batch_tokens = variant.options.max_batch_tokens;
  load.max_sequences = variant.options.max_running_requests;
  load.max_sequence_tokens = variant.options.max_sequence_tokens;
  load.block_size = variant.options.kv_block_tokens;
  load.expert_memory = variant.expert_memory;
  load.kv_dtype = variant.kv_dtype;
  load.cache_directory = variant.cache_directory;
  load.prefetch = variant.prefetch;
  auto decoder = LoadDecoder(load, backend);
  FOREGATE_CHECK_EQ(decoder.status().ToString(), "OK");
  auto loop = EngineLoop::Create(variant.options, backend.device.get(), std::move(decoder).value(), clock);
  FOREGATE_CHECK_EQ(loop.status().ToString(), "OK");
  return std::move(loop).value();
}

void AppendRecord(const TokenRecord& record, std::string& out) {
  const auto bits = [](float value) { return std::to_string(std::bit_cast<uint32_t>(value)); };
  out += std::to_string(record.token);
  if (record.has_logprob) out += "@" + bits(record.logprob.logprob) + "r" + std::to_string(record.logprob.rank);
  for (const TokenLogprob& top : record.top) out += "," + std::to_string(top.token) + "@" + bits(top.logprob);
  out += ' ';
}

Outcome Describe(const RecordingSink& sink) {
  Outcome outcome;
  outcome.transcript = sink.status().ToString() + " prompt: ";
  for (const TokenRecord& record : sink.prompt_logprobs()) AppendRecord(record, outcome.transcript);
  for (const auto& [sample, reason] : sink.finished()) {
    outcome.transcript += "\nsample " + std::to_string(sample) + " reason " + std::to_string(static_cast<int>(reason));
    outcome.transcript += ": ";
    for (const TokenRecord& record : sink.records(sample)) AppendRecord(record, outcome.transcript);
  }
  outcome.num_preemptions = sink.summary().num_preemptions;
  outcome.num_cached_tokens = sink.summary().num_cached_tokens;
  return outcome;
}

void StepUntilIdle(EngineLoop& loop) {
  int steps = 0;
  while (loop.Step()) FOREGATE_CHECK_LT(++steps, kMaxSteps);
}

}  // namespace

EngineVariant RoomyVariant() {
  EngineVariant variant;
  variant.options.max_batch_tokens = 256;
  variant.options.max_running_requests = 64;
  variant.options.max_queued_requests = 1000;
  variant.options.max_queued_tokens = 1000000;
  variant.options.prefill_chunk_tokens = 256;
  variant.options.kv_block_tokens = 16;
  variant.options.kv_bytes = 64 << 20;
  variant.options.max_sequence_tokens = 128;
  variant.options.prefix_cache = false;
  variant.options.priority_aging_us = 1000000;
  variant.options.step_wait_timeout_us = 30000000;
  return variant;
}

std::vector<GenerationRequest> RandomRequests(uint64_t seed, int32_t vocab_size, int count) {
  std::mt19937_64 random(seed);
  const auto below = [&](int n) { return static_cast<int32_t>(random() % static_cast<uint64_t>(n)); };
  std::vector<int32_t> common(48);
  for (int32_t& id : common) id = below(vocab_size);

  std::vector<GenerationRequest> requests;
  for (int i = 0; i < count; ++i) {
    GenerationRequest request;
    request.id = "r" + std::to_string(i);
    if (below(2) == 0) request.prompt.assign(common.begin(), common.begin() + below(48));
    const int32_t own = 1 + below(32);
    for (int32_t j = 0; j < own; ++j) request.prompt.push_back(below(vocab_size));
    request.max_tokens = 1 + below(14);
    request.num_samples = below(5) == 0 ? 3 : 1;
    request.priority = below(3);
    request.sampling.seed = random();
    request.sampling.temperature = below(2) == 0 ? 0.0f : 0.8f;
    if (below(3) == 0) request.sampling.top_k = 20;
    if (below(3) == 0) request.sampling.top_p = 0.9f;
    if (below(4) == 0) request.sampling.min_p = 0.02f;
    if (below(4) == 0) request.sampling.repetition_penalty = 1.2f;
    if (below(4) == 0) request.sampling.frequency_penalty = 0.3f;
    request.sampling.num_logprobs = 5;
    if (below(4) == 0) request.sampling.num_prompt_logprobs = 3;
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<Outcome> RunAlone(const std::string& model_dir, const EngineVariant& variant, const Backend& backend,
                              const std::vector<GenerationRequest>& requests) {
  const SystemClock clock;
  const auto loop = MakeLoop(model_dir, variant, backend, &clock);
  std::vector<Outcome> outcomes;
  for (const GenerationRequest& request : requests) {
    const auto sink = std::make_shared<RecordingSink>();
    FOREGATE_CHECK_EQ(loop->Submit(request, sink).ToString(), "OK");
    StepUntilIdle(*loop);
    outcomes.push_back(Describe(*sink));
  }
  return outcomes;
}

std::vector<Outcome> RunTogether(const std::string& model_dir, const EngineVariant& variant, const Backend& backend,
                                 const std::vector<GenerationRequest>& requests, uint64_t seed) {
  const SystemClock clock;
  const auto loop = MakeLoop(model_dir, variant, backend, &clock);
  std::mt19937_64 random(seed);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  std::vector<std::string> strangers;
  for (size_t i = 0; i < requests.size(); ++i) {
    sinks.push_back(std::make_shared<RecordingSink>());
    FOREGATE_CHECK_EQ(loop->Submit(requests[i], sinks.back()).ToString(), "OK");
    if (random() % 3 == 0) {
      GenerationRequest stranger = requests[random() % requests.size()];
      stranger.id = "stranger" + std::to_string(i);
      strangers.push_back(stranger.id);
      FOREGATE_CHECK_EQ(loop->Submit(stranger, std::make_shared<RecordingSink>()).ToString(), "OK");
    }
    if (variant.has_memory_pressure) loop->LimitExpertMemory(random() % (loop->expert_tier().slot_bytes + 1));
    for (uint64_t steps = random() % 4; steps > 0; --steps) loop->Step();
    if (!strangers.empty() && random() % 2 == 0) {
      loop->mailbox().Cancel(strangers.back(), absl::CancelledError("a stranger leaves"));
      strangers.pop_back();
    }
  }
  if (variant.has_memory_pressure) {
    for (int steps = 0; loop->Step(); ++steps) {
      FOREGATE_CHECK_LT(steps, kMaxSteps);
      loop->LimitExpertMemory(random() % (loop->expert_tier().slot_bytes + 1));
    }
  }
  StepUntilIdle(*loop);
  const EngineLoad load = loop->load();
  FOREGATE_CHECK_EQ(load.kv_blocks_used, 0);  // every block came back
  std::vector<Outcome> outcomes;
  for (const auto& sink : sinks) outcomes.push_back(Describe(*sink));
  return outcomes;
}

}  // namespace foregate
