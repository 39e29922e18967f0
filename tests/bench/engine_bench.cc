// Tokens per second of the whole engine (schedule, forward, sample, publish) on a checkpoint, beside the machine's
// bound.
//
//   bazel run //tests/bench:engine_bench -- [--model DIR] [--weights FORMAT] [--json FILE], --help for the rest
//
// The bound of a step is max(bytes touched / read bandwidth, operations / peak of the weights' format). The limits are
// probed at the start with the same threads, the bandwidth over a buffer as large as the weights (at most 1 GiB): a
// model that fits the cache is judged by the cache. Bytes are the dense weights but the embedding table, the distinct
// experts that the steps really chose, and the keys and values. Operations are those of the matrices for the rows of
// the step, of lm_head for the rows that need logits; attention's are left out, which makes the bound a little low.
//
// Two fractions. "of the bound" is of the limits at the start, the best that the machine gave. "of what it gave" is of
// the limits measured again between steps (about 0.1 s of every 0.4 s): what other tenants of the machine took in
// those seconds is then in neither. It is left out for models that fit the caches, which probing would empty.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/engine_loop.h"
#include "engine/model/load_model.h"
#include "kernels/base/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/roofline.h"
#include "nlohmann/json.hpp"
#include "server/config/expert_memory_setting.h"
#include "server/lifecycle/expert_budget.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/expert_traffic.h"
#include "tests/bench/timed_kernels.h"

namespace foregate {
namespace {

constexpr int32_t kDecodeContext = 64;  // prompt of the decode runs
constexpr int64_t kMaxProbeBytes = int64_t{1} << 30;
constexpr int64_t kMinProbedBytes = int64_t{256} << 20;  // of weights, for the limits to be measured between steps
constexpr double kProbeSeconds = 0.3;                    // of steps between two measurements

struct Flags {
  std::string model = "models/mini";
  std::string weights;  // as the daemon's --weights
  std::string kv_dtype = "f32";
  float temperature = 0;
  std::string expert_memory = "all";  // as the daemon's --expert-memory, but for auto
  std::string cache_dir;
  bool operations = false;
  std::string json_file;
  int repetitions = 5;
  int decode_tokens = 64;
  std::vector<int> prefill = {512, 2048};
  std::vector<int> decode = {1, 8, 32};
};

// Of the matrices, without the embedding table.
struct Parameters {
  double per_row = 0;  // that every row meets, lm_head left out
  double expert = 0;   // of one expert
  double lm_head = 0;  // for rows that need logits
};

struct Bench {
  float temperature = 0;
  OperationTimes times;  // of the runs since they were cleared
  Backend backend;
  ModelPlan plan;
  Parameters parameters;
  std::unique_ptr<RooflineProbe> probe;
  bool probes_between = false;
  const Roofline& limits() const { return probe->limits(); }
  SystemClock clock;
  std::unique_ptr<EngineLoop> loop;
};

// The plan of the same model in f32 tells how many parameters are where.
Parameters CountParameters(LoadOptions load, const DecoderInfo& model) {
  load.weights = OrExit(WeightRules::ForAll("f32"));
  const MemoryPlan f32 = OrExit(PlanModel(load)).memory;
  Parameters parameters;
  parameters.lm_head = static_cast<double>(model.vocab_size) * model.hidden_size;
  parameters.per_row = static_cast<double>(f32.dense_bytes - f32.lookup_bytes) / 4 - parameters.lm_head;
  const double num_experts =
      std::max(1.0, static_cast<double>(model.num_experts) * static_cast<double>(model.moe_layers.size()));
  parameters.expert = static_cast<double>(f32.expert_bytes) / 4 / num_experts;
  return parameters;
}

// "mixed" is judged by the fastest: its fraction is a little low.
double PeakOf(const Roofline& roofline, const std::string& format) {
  if (format == "f32") return roofline.f32_flops;
  if (format == "bf16" || format == "f16") return roofline.bf16_flops;
  return format.starts_with("int8") ? roofline.int8_ops : roofline.int4_ops;
}

int64_t MostTokensAtOnce(const Flags& flags) {
  int64_t most = 0;
  for (const int tokens : flags.prefill) most = std::max<int64_t>(most, tokens + 1);
  for (const int count : flags.decode)
    most = std::max(most, int64_t{count} * (kDecodeContext + flags.decode_tokens + 16));
  return most + 1024;
}

// `bench` is fresh, and stays where it is.
void Open(const Flags& flags, Bench& bench) {
  bench.backend = OrExit(MakeCpuBackend({}));
  if (flags.operations) bench.backend.kernels = MakeTimedKernels(std::move(bench.backend.kernels), &bench.times);
  LoadOptions load;
  load.directory = flags.model;
  load.weights = OrExit(WeightRules::ForAll(flags.weights));
  load.max_logits_rows = 64;
  load.block_size = 64;  // as the daemon has it unless told otherwise
  load.kv_dtype = flags.kv_dtype == "bf16" ? DType::kBf16 : DType::kF32;
  for (const int tokens : flags.prefill) load.max_batch_tokens = std::max(load.max_batch_tokens, tokens);
  load.cache_directory = flags.cache_dir;
  bench.plan = OrExit(PlanModel(load));
  const ExpertMemorySetting experts = OrExit(ParseExpertMemory(flags.expert_memory));
  if (experts.kind == ExpertMemorySetting::Kind::kBytes || experts.kind == ExpertMemorySetting::Kind::kPercent) {
    const ExpertBudget budget =
        OrExit(ChooseExpertBytes(experts, {.memory = {}, .all_expert_bytes = bench.plan.memory.all_expert_bytes}));
    load.expert_memory.num_bytes = budget.expert_bytes;
    bench.plan = OrExit(PlanModel(load));
  }
  load.max_batch_tokens = std::min(load.max_batch_tokens, bench.plan.max_positions);
  auto decoder = OrExit(LoadDecoder(load, bench.backend));
  bench.parameters = CountParameters(load, decoder->info());
  const DeviceInfo& device = bench.backend.device->info();
  const auto weights_bytes = static_cast<int64_t>(bench.plan.memory.weights_bytes());
  bench.probe = OrExit(RooflineProbe::Create(device.num_threads, std::min(weights_bytes, kMaxProbeBytes)));
  bench.probes_between = weights_bytes >= kMinProbedBytes;
  EngineOptions options;
  options.max_batch_tokens = load.max_batch_tokens;
  options.max_running_requests = load.max_sequences;
  options.max_queued_requests = 256;
  options.max_queued_tokens = 1 << 20;
  options.prefill_chunk_tokens = load.max_batch_tokens;
  options.kv_block_tokens = load.block_size;
  options.max_sequence_tokens = bench.plan.max_positions;
  options.kv_bytes = static_cast<int64_t>(bench.plan.memory.kv_bytes_per_token) *
                     std::max<int64_t>(MostTokensAtOnce(flags), bench.plan.max_positions);
  options.priority_aging_us = 1000000;
  options.step_wait_timeout_us = 600000000;
  bench.loop = OrExit(EngineLoop::Create(options, bench.backend.device.get(), std::move(decoder), &bench.clock));
  std::printf("%s, %s weights, %.1f MB, %s\n%s\n", flags.model.c_str(), bench.plan.weights_format.c_str(),
              static_cast<double>(weights_bytes) / 1e6, device.isa.c_str(), RooflineText(bench.limits()).c_str());
}

struct StepCost {
  double bytes = 0;
  double operations = 0;
};

// Of steps that took `seconds` and gave `tokens`.
void PrintTraffic(const ExpertTraffic& traffic, double seconds, double tokens) {
  if (traffic.wanted == 0) return;
  std::printf("  experts: %.1f %% absent, %.1f MB/token, read at %.2f GB/s, %.1f %% of the time waiting\n",
              100 * traffic.absent / traffic.wanted, traffic.read_bytes / tokens / 1e6,
              traffic.read_bytes / seconds / 1e9, 100 * traffic.stall_seconds / seconds);
}

struct Measured {
  double seconds = 0;
  double bound_seconds = 0;  // by the limits at the start
  double given_seconds = 0;  // by what the machine gave around each step; 0: not measured
  ExpertTraffic experts;
};

// Adds up the bounds of steps.
class BoundOfSteps {
 public:
  BoundOfSteps(Bench& bench, Measured& measured) : bench_(bench), measured_(measured) {
    if (bench.probes_between) before_ = OrExit(bench.probe->MeasureNow());
  }
  void Add(const StepCost& step, double seconds) {
    const Roofline& limits = bench_.limits();
    measured_.bound_seconds +=
        limits.BoundSeconds(step.bytes, step.operations, PeakOf(limits, bench_.plan.weights_format));
    pending_.push_back(step);
    pending_seconds_ += seconds;
    if (pending_seconds_ >= kProbeSeconds) Flush();
  }
  // After the last step.
  void Flush() {
    if (!bench_.probes_between || pending_.empty()) return;
    const Roofline after = OrExit(bench_.probe->MeasureNow());
    Roofline around;
    around.read_bytes_per_second = (before_.read_bytes_per_second + after.read_bytes_per_second) / 2;
    const std::string& format = bench_.plan.weights_format;
    const double peak = (PeakOf(before_, format) + PeakOf(after, format)) / 2;
    for (const StepCost& step : pending_)
      measured_.given_seconds += around.BoundSeconds(step.bytes, step.operations, peak);
    before_ = after;
    pending_.clear();
    pending_seconds_ = 0;
  }

 private:
  Bench& bench_;
  Measured& measured_;
  Roofline before_;
  std::vector<StepCost> pending_;
  double pending_seconds_ = 0;
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
    request.sampling.temperature = bench.temperature;
    request.sampling.seed = salt * 1000 + static_cast<uint64_t>(i);
    FOREGATE_CHECK(loop.Submit(std::move(request), std::make_shared<NullSink>()).ok());
  }
  const auto generated = [&] { return loop.metrics().generation_tokens.value(); };
  const auto computed = [&] { return loop.metrics().prompt_tokens_computed.value(); };
  if (decode_only) {
    const uint64_t all_prompts = computed() + static_cast<uint64_t>(count) * static_cast<uint64_t>(prompt_tokens);
    const OperationTimes before_prompts = bench.times;
    while (computed() < all_prompts) FOREGATE_CHECK(loop.Step());
    bench.times = before_prompts;
  }
  const MemoryPlan& memory = bench.plan.memory;
  const double expert_bytes = static_cast<double>(memory.all_expert_bytes) / std::max(1, memory.num_experts);
  const Parameters& parameters = bench.parameters;
  const double ops_per_row = 2 * (parameters.per_row + parameters.expert * model.experts_per_token *
                                                           static_cast<double>(model.moe_layers.size()));

  Measured measured;
  measured.experts.Add(TrafficSoFar(loop.expert_tier()), -1);
  BoundOfSteps bounds(bench, measured);
  int64_t position = prompt_tokens;
  bool more = true;
  while (more) {
    const uint64_t generated_before = generated();
    const uint64_t computed_before = computed();
    const double experts_before = loop.metrics().distinct_experts_per_step.sum();
    const auto begin = std::chrono::steady_clock::now();
    more = loop.Step();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    measured.seconds += seconds;
    const auto logits_rows = static_cast<double>(generated() - generated_before);
    const auto prompt_rows = static_cast<double>(computed() - computed_before);
    // A step of the prompt's end computes rows of the prompt; its token's row is computed in the next step.
    const double rows = prompt_rows > 0 ? prompt_rows : logits_rows;
    const double experts = loop.metrics().distinct_experts_per_step.sum() - experts_before;
    const double kv_bytes = static_cast<double>(memory.kv_bytes_per_token) * static_cast<double>(position) * count;
    const double bytes =
        static_cast<double>(memory.dense_bytes - memory.lookup_bytes) + experts * expert_bytes + kv_bytes;
    const double ops = rows * ops_per_row + 2 * logits_rows * parameters.lm_head;
    if (rows > 0) bounds.Add({bytes, ops}, seconds);
    ++position;
  }
  bounds.Flush();
  measured.experts.Add(TrafficSoFar(loop.expert_tier()));
  return measured;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

nlohmann::ordered_json Report(Bench& bench, const std::string& name, int count, int32_t prompt_tokens,
                              int32_t max_tokens, bool decode_only, int repetitions) {
  static uint64_t salt = 0;
  Run(bench, count, prompt_tokens, max_tokens, decode_only, ++salt);  // warm up
  bench.times.clear();
  double seconds = 0;
  ExpertTraffic experts;
  std::vector<double> rates;
  std::vector<double> fractions;
  std::vector<double> fractions_given;
  const double tokens =
      decode_only ? static_cast<double>(max_tokens - 1) * count : static_cast<double>(prompt_tokens) * count;
  for (int i = 0; i < repetitions; ++i) {
    const Measured measured = Run(bench, count, prompt_tokens, max_tokens, decode_only, ++salt);
    rates.push_back(tokens / measured.seconds);
    seconds += measured.seconds;
    experts.Add(measured.experts);
    fractions.push_back(measured.bound_seconds / measured.seconds);
    fractions_given.push_back(measured.given_seconds / measured.seconds);
  }
  std::sort(rates.begin(), rates.end());
  const double median = rates[rates.size() / 2];
  const double fraction = Median(fractions);
  const double fraction_given = Median(fractions_given);
  const bool counts = bench.limits().shortfall.empty();
  std::printf("%-20s %10.1f tokens/s  (min %.1f, max %.1f)   of the bound: %s", name.c_str(), median, rates.front(),
              rates.back(), FractionText(counts ? std::optional<double>(fraction) : std::nullopt).c_str());
  if (bench.probes_between) std::printf("   of what it gave: %s", FractionText(fraction_given).c_str());
  std::printf("\n");
  PrintTraffic(experts, seconds, tokens * repetitions);
  if (!bench.times.empty()) std::printf("%s", OperationText(bench.times, seconds).c_str());
  std::fflush(stdout);
  return {{"name", name},
          {"unit", "tokens/s"},
          {"median", median},
          {"min", rates.front()},
          {"max", rates.back()},
          {"bound", counts ? nlohmann::ordered_json(median / fraction) : nullptr},
          {"fraction", counts ? nlohmann::ordered_json(fraction) : nullptr},
          {"fraction_given", bench.probes_between ? nlohmann::ordered_json(fraction_given) : nullptr}};
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Speed of the engine on one checkpoint, beside the machine's bound.", "engine_bench");
  app.add_option("--model", flags.model, "checkpoint")->capture_default_str();
  app.add_option("--weights", flags.weights, "format of the matrices, as the daemon's --weights");
  app.add_option("--kv-dtype", flags.kv_dtype, "f32 or bf16")->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--expert-memory", flags.expert_memory, "all, a size or a share of all experts")
      ->capture_default_str();
  app.add_option("--cache-dir", flags.cache_dir, "where the container is kept that experts are read from");
  app.add_option("--temperature", flags.temperature,
                 "0 is greedy, which with random weights soon repeats itself, experts and all");
  app.add_flag("--operations", flags.operations, "print what each operation took");
  app.add_option("--json", flags.json_file, "write the figures there");
  app.add_option("--repetitions", flags.repetitions)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--decode-tokens", flags.decode_tokens)->check(CLI::Range(2, 4096))->capture_default_str();
  app.add_option("--prefill", flags.prefill, "prompt lengths")->delimiter(',')->check(CLI::Range(1, 32768));
  app.add_option("--decode", flags.decode, "streams at once")->delimiter(',')->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  Bench bench;
  bench.temperature = flags.temperature;
  Open(flags, bench);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const int tokens : flags.prefill) {
    const std::string name = "prefill " + std::to_string(tokens);
    if (tokens >= bench.plan.max_positions) {
      std::printf("%-20s left out: the model's context is %d\n", name.c_str(), bench.plan.max_positions);
      continue;
    }
    rows.push_back(Report(bench, name, 1, tokens, 1, /*decode_only=*/false, flags.repetitions));
  }
  for (const int count : flags.decode) {
    rows.push_back(Report(bench, "decode " + std::to_string(count), count, kDecodeContext, flags.decode_tokens,
                          /*decode_only=*/true, flags.repetitions));
  }
  if (flags.json_file.empty()) return 0;
  const nlohmann::ordered_json all = {{"weights", bench.plan.weights_format},
                                      {"weight_bytes", bench.plan.memory.weights_bytes()},
                                      {"probe_low", bench.limits().shortfall},
                                      {"rows", rows}};
  std::ofstream file(flags.json_file);
  file << all.dump(2) << std::endl;
  if (file.good()) return 0;
  std::fprintf(stderr, "engine_bench: cannot write %s\n", flags.json_file.c_str());
  return 1;
}

}  // namespace
}  // namespace foregate

int main(int argc, char** argv) { return foregate::Main(argc, argv); }
