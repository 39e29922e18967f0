// Tokens per second of the whole engine (schedule, forward, sample, publish) on a checkpoint, beside the machine's
// bound.
//
//   bazel run //tests/bench:engine_bench -- [MODEL_DIR] [REPETITIONS]
//
// The bound of a step is max(bytes touched / read bandwidth, operations / FMA peak). Both limits are probed at the
// start with the same threads, the bandwidth over a buffer as large as the weights: a model that fits the cache is
// judged by the cache. Bytes are the dense weights, the distinct experts that the steps really chose, and the keys and
// values.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_loop.h"
#include "engine/model/load_model.h"
#include "kernels/base/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/roofline.h"

namespace foregate {
namespace {

constexpr int32_t kPromptTokens = 512;
constexpr int32_t kDecodeContext = 64;  // prompt of the decode runs
constexpr int32_t kDecodeTokens = 128;

class NullSink final : public TokenSink {
 public:
  void OnPromptLogprobs(std::vector<TokenRecord>) override {}
  void OnToken(int32_t, TokenRecord) override {}
  void OnSampleFinish(int32_t, FinishReason) override {}
  void OnDone(const absl::Status& status, const RequestSummary&) override { FOREGATE_CHECK(status.ok()); }
};

struct Bench {
  Backend backend;
  ModelPlan plan;
  Roofline roofline;
  SystemClock clock;
  std::unique_ptr<EngineLoop> loop;
};

Bench Open(const std::string& model_dir) {
  Bench bench;
  auto backend = MakeCpuBackend({});
  FOREGATE_CHECK(backend.ok());
  bench.backend = *std::move(backend);
  LoadOptions load;
  load.directory = model_dir;
  load.max_logits_rows = 64;
  auto plan = PlanModel(load);
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
    std::exit(1);
  }
  bench.plan = *std::move(plan);
  auto decoder = LoadDecoder(load, bench.backend);
  FOREGATE_CHECK(decoder.ok());
  const DeviceInfo& device = bench.backend.device->info();
  auto roofline = MeasureRoofline(device.num_threads, static_cast<int64_t>(bench.plan.memory.weights_bytes()));
  FOREGATE_CHECK(roofline.ok());
  bench.roofline = *roofline;
  EngineOptions options;
  options.max_batch_tokens = load.max_batch_tokens;
  options.max_running_requests = load.max_sequences;
  options.max_queued_requests = 256;
  options.max_queued_tokens = 1 << 20;
  options.prefill_chunk_tokens = load.max_batch_tokens;
  options.kv_block_tokens = load.block_size;
  options.max_sequence_tokens = std::min(bench.plan.max_positions, kPromptTokens + kDecodeTokens);
  options.kv_bytes = static_cast<int64_t>(bench.plan.memory.kv_bytes_per_token) * options.max_sequence_tokens * 40;
  options.priority_aging_us = 1000000;
  options.step_wait_timeout_us = 30000000;
  auto loop = EngineLoop::Create(options, bench.backend.device.get(), std::move(decoder).value(), &bench.clock);
  FOREGATE_CHECK(loop.ok());
  bench.loop = std::move(loop).value();
  std::printf("%s, %s, %d threads: read %.1f GB/s over %.1f MB, f32 FMA %.1f GFLOP/s\n", model_dir.c_str(),
              device.isa.c_str(), device.num_threads, bench.roofline.read_bytes_per_second / 1e9,
              static_cast<double>(bench.plan.memory.weights_bytes()) / 1e6, bench.roofline.f32_flops / 1e9);
  return bench;
}

struct Measured {
  double seconds = 0;
  double bound_seconds = 0;
};

// Runs `count` requests to their end; seconds count from the first step after the prompts when `decode_only`.
Measured Run(Bench& bench, int count, int32_t prompt_tokens, int32_t max_tokens, bool decode_only, uint64_t salt) {
  EngineLoop& loop = *bench.loop;
  const DecoderInfo& model = loop.model();
  for (int i = 0; i < count; ++i) {
    GenerationRequest request;
    request.id = "bench" + std::to_string(salt) + "_" + std::to_string(i);
    uint64_t state = salt * 1000003 + static_cast<uint64_t>(i);
    for (int32_t j = 0; j < prompt_tokens; ++j) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      request.prompt.push_back(static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(model.vocab_size)));
    }
    request.max_tokens = max_tokens;
    request.sampling.temperature = 0;
    FOREGATE_CHECK(loop.Submit(std::move(request), std::make_shared<NullSink>()).ok());
  }
  const auto generated = [&] { return loop.metrics().generation_tokens.value(); };
  const auto computed = [&] { return loop.metrics().prompt_tokens_computed.value(); };
  if (decode_only) {
    const uint64_t all_prompts = computed() + static_cast<uint64_t>(count) * static_cast<uint64_t>(prompt_tokens);
    while (computed() < all_prompts) FOREGATE_CHECK(loop.Step());
  }
  const MemoryPlan& memory = bench.plan.memory;
  const double expert_bytes = static_cast<double>(memory.expert_bytes) /
                              std::max(1, model.num_experts * static_cast<int>(model.moe_layers.size()));
  const double params_per_byte = static_cast<double>(model.num_parameters) / static_cast<double>(model.weight_bytes);
  const double ops_per_row =
      2 * params_per_byte *
      (static_cast<double>(memory.dense_bytes) +
       expert_bytes * static_cast<double>(model.experts_per_token) * static_cast<double>(model.moe_layers.size()));

  Measured measured;
  int64_t position = prompt_tokens;
  bool more = true;
  while (more) {
    const uint64_t rows_before = generated() + computed();
    const double experts_before = loop.metrics().distinct_experts_per_step.sum();
    const auto begin = std::chrono::steady_clock::now();
    more = loop.Step();
    measured.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const auto rows = static_cast<double>(generated() + computed() - rows_before);
    const double experts = loop.metrics().distinct_experts_per_step.sum() - experts_before;
    const double kv_bytes = static_cast<double>(memory.kv_bytes_per_token) * static_cast<double>(position) * count;
    const double bytes = static_cast<double>(memory.dense_bytes) + experts * expert_bytes + kv_bytes;
    measured.bound_seconds +=
        std::max(bytes / bench.roofline.read_bytes_per_second, rows * ops_per_row / bench.roofline.f32_flops);
    ++position;
  }
  return measured;
}

void Report(Bench& bench, const char* name, int count, int32_t prompt_tokens, int32_t max_tokens, bool decode_only,
            int repetitions) {
  static uint64_t salt = 0;
  Run(bench, count, prompt_tokens, max_tokens, decode_only, ++salt);  // warm up
  std::vector<double> rates;
  std::vector<double> fractions;
  const double tokens =
      decode_only ? static_cast<double>(max_tokens - 1) * count : static_cast<double>(prompt_tokens) * count;
  for (int i = 0; i < repetitions; ++i) {
    const Measured measured = Run(bench, count, prompt_tokens, max_tokens, decode_only, ++salt);
    rates.push_back(tokens / measured.seconds);
    fractions.push_back(measured.bound_seconds / measured.seconds);
  }
  std::sort(rates.begin(), rates.end());
  std::sort(fractions.begin(), fractions.end());
  std::printf("%-24s %10.0f tokens/s  (min %.0f, max %.0f)   %5.1f %% of the bound\n", name, rates[rates.size() / 2],
              rates.front(), rates.back(), 100 * fractions[fractions.size() / 2]);
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) {
  const std::string model_dir = argc > 1 ? argv[1] : "models/mini";
  const int repetitions = argc > 2 ? std::max(1, std::atoi(argv[2])) : 9;
  foregate::Bench bench = foregate::Open(model_dir);
  foregate::Report(bench, "prefill, 1 x 512", 1, foregate::kPromptTokens, 1, /*decode_only=*/false, repetitions);
  for (const int count : {1, 4, 8, 16, 32}) {
    const std::string name = "decode, " + std::to_string(count) + " at once";
    foregate::Report(bench, name.c_str(), count, foregate::kDecodeContext, foregate::kDecodeTokens,
                     /*decode_only=*/true, repetitions);
  }
  return 0;
}
