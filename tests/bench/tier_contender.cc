#include "tests/bench/tier_contender.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <utility>

#include "engine/moe/prefetcher.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/config/expert_memory_setting.h"
#include "server/lifecycle/expert_budget.h"
#include "tests/bench/bench_engine.h"
#include "tests/bench/routed_kernels.h"

namespace foregate {
namespace {

// The bench draws wrong guesses among the experts that were not chosen, and there have to be enough.
absl::Status CheckGuesses(const RoutedModel& model, double accuracy) {
  const int32_t num_guesses = Prefetcher::NumRanks(model.top_k, model.num_experts);
  if (HasEnoughExperts(static_cast<size_t>(model.top_k), static_cast<size_t>(num_guesses), model.num_experts, accuracy))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--guess-accuracy: " + std::to_string(num_guesses) + " guesses of which some are wrong want " +
      std::to_string(model.top_k + num_guesses) + " experts, the model has " + std::to_string(model.num_experts));
}

}  // namespace

absl::StatusOr<Reading> ParseReading(const std::string& text) {
  std::istringstream parts(text);
  std::string part;
  Reading reading;
  std::getline(parts, part, ':');
  FOREGATE_ASSIGN_OR_RETURN(reading.prefetch, ParseExpertPrefetch(part));
  if (!std::getline(parts, part, ':')) return reading;
  FOREGATE_ASSIGN_OR_RETURN(reading.eviction, ParseExpertEviction(part));
  if (!std::getline(parts, part)) return reading;
  if (part != "blocking") return absl::InvalidArgumentError(text + ": behind PREFETCH:EVICTION there is only blocking");
  reading.is_blocking = true;
  return reading;
}

absl::StatusOr<std::unique_ptr<TierContender>> TierContender::Create(const TierOptions& options) {
  std::unique_ptr<TierContender> contender(new TierContender(options));
  FOREGATE_RETURN_IF_ERROR(contender->Open());
  return contender;
}

EngineOptions TierContender::LoopOptions(const LoadOptions& load) const {
  EngineOptions options;
  options.max_batch_tokens = load.max_batch_tokens;
  options.max_running_requests = load.max_sequences;
  options.max_queued_requests = 256;
  options.max_queued_tokens = 1 << 20;
  options.prefill_chunk_tokens = load.max_batch_tokens;
  options.kv_block_tokens = load.block_size;
  options.max_sequence_tokens = load.max_sequence_tokens;
  // Twice what the streams hold: admission leaves a block for each in reserve.
  options.kv_bytes = static_cast<int64_t>(plan_.memory.kv_bytes_per_token) * (int64_t{options_.max_streams} + 1) *
                     load.max_sequence_tokens;
  options.priority_aging_us = 1000000;
  options.step_wait_timeout_us = 600000000;
  return options;
}

absl::Status TierContender::Open() {
  FOREGATE_ASSIGN_OR_RETURN(backend_, MakeCpuBackend({.num_threads = options_.num_threads, .isa = ""}));
  LoadOptions load;
  load.directory = options_.model;
  FOREGATE_ASSIGN_OR_RETURN(load.weights, WeightRules::ForAll(options_.weights));
  FOREGATE_ASSIGN_OR_RETURN(const Reading reading, ParseReading(options_.reading));
  load.prefetch = reading.prefetch;
  load.expert_memory.eviction = reading.eviction;
  load.kv_dtype = DType::kBf16;
  load.max_sequences = options_.max_streams;
  load.max_batch_tokens = std::max(16, options_.max_streams);
  load.max_sequence_tokens = (options_.max_tokens + 1 + load.block_size) / load.block_size * load.block_size;
  load.cache_directory = options_.cache_dir;
  FOREGATE_ASSIGN_OR_RETURN(plan_, PlanModel(load));
  FOREGATE_ASSIGN_OR_RETURN(const ExpertMemorySetting setting, ParseExpertMemory(options_.expert_memory));
  FOREGATE_ASSIGN_OR_RETURN(
      const ExpertBudget budget,
      ChooseExpertBytes(setting, {.memory = {}, .all_expert_bytes = plan_.memory.all_expert_bytes}));
  load.expert_memory.num_bytes = budget.expert_bytes;
  FOREGATE_ASSIGN_OR_RETURN(plan_, PlanModel(load));
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<Decoder> decoder, LoadDecoder(load, backend_));

  const DecoderInfo& info = decoder->info();
  if (static_cast<int32_t>(info.moe_layers.size()) != info.num_layers)
    return absl::InvalidArgumentError("every layer of the model has to route");
  const RoutedModel model = {
      .num_layers = info.num_layers, .num_experts = info.num_experts, .top_k = info.experts_per_token};
  if (load.prefetch == GuessSource::kRouter) FOREGATE_RETURN_IF_ERROR(CheckGuesses(model, options_.guess_accuracy));
  if (options_.routing == "even") {
    routing_ = MakeEvenRouting(model, /*seed=*/1);
  } else {
    FOREGATE_ASSIGN_OR_RETURN(routing_, ReadRoutingTrace(model, options_.routing));
  }
  // The decoder looks at its backend's kernels whenever it uses them.
  backend_.kernels = MakeRoutedKernels(std::move(backend_.kernels),
                                       {.model = model,
                                        .pre_gate_distance = options_.pre_gate_distance,
                                        .guess_accuracy = options_.guess_accuracy,
                                        .waits_for_all = reading.is_blocking},
                                       routing_.get());
  FOREGATE_ASSIGN_OR_RETURN(loop_,
                            EngineLoop::Create(LoopOptions(load), backend_.device.get(), std::move(decoder), &clock_));
  return absl::OkStatus();
}

TierRun TierContender::Run(int num_streams, int warm_tokens, int tokens) {
  for (int i = 0; i < num_streams; ++i) {
    GenerationRequest request;
    request.id = "stream" + std::to_string(++num_requests_);
    request.prompt = {static_cast<int32_t>(num_requests_ % 1000)};
    request.max_tokens = warm_tokens + tokens;
    FOREGATE_CHECK(loop_->Submit(std::move(request), std::make_shared<NullSink>()).ok());
  }
  const auto generated = [&] { return loop_->metrics().generation_tokens.value(); };
  const uint64_t warm = generated() + static_cast<uint64_t>(num_streams) * static_cast<uint64_t>(warm_tokens);
  while (generated() < warm) FOREGATE_CHECK(loop_->Step());

  TierRun run;
  const uint64_t generated_before = generated();
  run.experts.Add(TrafficSoFar(tier()), -1);
  const auto begin = std::chrono::steady_clock::now();
  while (loop_->Step()) continue;
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  run.experts.Add(TrafficSoFar(tier()));
  run.tokens = static_cast<double>(generated() - generated_before);
  return run;
}

}  // namespace foregate
