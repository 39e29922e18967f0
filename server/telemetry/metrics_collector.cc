#include "server/telemetry/metrics_collector.h"

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "prometheus/metric_family.h"
#include "server/config/version.h"
#include "server/telemetry/expert_metrics.h"
#include "server/telemetry/family_builder.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

constexpr std::array<const char*, kNumRequestOutcomes> kOutcomes = {"stop",     "length",   "cancelled",
                                                                    "deadline", "rejected", "error"};

constexpr std::array<const char*, kNumStepPhases> kStepPhases = {"schedule", "forward", "sample", "publish"};

// Unix time of `steady_us`, a point on the engine's clock.
double UnixSeconds(int64_t steady_us) {
  const auto age = std::chrono::steady_clock::now().time_since_epoch() - std::chrono::microseconds(steady_us);
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch() - age).count();
}

void AddLoad(const Engine& engine, FamilyBuilder* out) {
  const EngineLoad load = engine.load();
  out->Gauge("requests_running", "Requests that are being computed.", load.running_requests);
  out->Gauge("requests_waiting", "Requests that wait for their first step.", load.waiting_requests);
  out->Gauge("waiting_tokens", "Prompt tokens of waiting requests.", static_cast<double>(load.waiting_tokens));
  const int32_t free_blocks = load.kv_blocks_total - load.kv_blocks_used - load.kv_blocks_cached;
  out->Gauge("kv_cache_usage_ratio", "KV blocks held by requests, 1 is all.",
             load.kv_blocks_total == 0 ? 0 : static_cast<double>(load.kv_blocks_used) / load.kv_blocks_total);
  const std::string blocks = "KV blocks by state: used by requests, kept for prefix hits, free.";
  out->Gauge("kv_cache_blocks", blocks, load.kv_blocks_used, Label("state", "used"));
  out->Gauge("kv_cache_blocks", blocks, load.kv_blocks_cached, Label("state", "cached"));
  out->Gauge("kv_cache_blocks", blocks, free_blocks, Label("state", "free"));
  out->Gauge("cache_config_info", "Shape of the KV cache; the value is 1.", 1,
             {{"block_size", std::to_string(engine.options().kv_block_tokens)},
              {"num_blocks", std::to_string(load.kv_blocks_total)}});
  out->Counter("engine_steps_total", "Steps of the engine.", static_cast<double>(load.steps));
  out->Gauge("last_step_timestamp_seconds", "Unix time when the engine last made progress or was idle.",
             load.last_progress_us == 0 ? 0 : UnixSeconds(load.last_progress_us));
}

void AddEngineMetrics(const EngineMetrics& metrics, FamilyBuilder* out) {
  for (size_t i = 0; i < kNumRequestOutcomes; ++i)
    out->Counter("requests_total", "Ended requests by outcome.", static_cast<double>(metrics.requests[i].value()),
                 Label("outcome", kOutcomes[i]));
  const auto counter = [out](const char* name, const char* help, const Counter& value, MetricLabels labels = {}) {
    out->Counter(name, help, static_cast<double>(value.value()), std::move(labels));
  };
  const char* const prompt_help = "Prompt tokens by source: computed, or found in the prefix cache.";
  counter("prompt_tokens_total", prompt_help, metrics.prompt_tokens_computed, Label("source", "computed"));
  counter("prompt_tokens_total", prompt_help, metrics.prompt_tokens_cached, Label("source", "cached"));
  counter("generation_tokens_total", "Generated tokens.", metrics.generation_tokens);
  counter("preemptions_total", "Sequences that lost their KV blocks and were computed again.", metrics.preemptions);
  counter("paced_steps_total", "Steps with as many prompt rows as the prefill pace allowed beside running streams.",
          metrics.paced_steps);
  counter("expert_passed_over_total", "Tokens that waited a step for others that want other experts, by step.",
          metrics.expert_passed_over);
  counter("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
          metrics.prefix_cache_query_tokens);
  counter("prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", metrics.prefix_cache_hit_tokens);
  out->AddHistogram("time_to_first_token_seconds", "Arrival to first token.", metrics.time_to_first_token);
  out->AddHistogram("inter_token_latency_seconds", "Between two tokens of a sequence.", metrics.inter_token_latency);
  out->AddHistogram("time_per_output_token_seconds", "Mean of a request after its first token.",
                    metrics.time_per_output_token);
  out->AddHistogram("e2e_request_latency_seconds", "Arrival to end.", metrics.e2e_latency);
  out->AddHistogram("queue_time_seconds", "Arrival to first step.", metrics.queue_time);
  out->AddHistogram("prefill_seconds", "First step to end of the prompt.", metrics.prefill_time);
  out->AddHistogram("decode_seconds", "First token to last.", metrics.decode_time);
  out->AddHistogram("step_seconds", "Duration of a step.", metrics.step_time);
  for (size_t i = 0; i < kNumStepPhases; ++i)
    out->AddHistogram("step_phase_seconds", "Duration of a step's phases, which together are the step.",
                      metrics.step_phase_time[i], Label("phase", kStepPhases[i]));
  out->AddHistogram("step_tokens", "Rows of a step.", metrics.step_tokens);
  out->AddHistogram("request_prompt_tokens", "Prompt length.", metrics.prompt_tokens);
  out->AddHistogram("request_generation_tokens", "Generated tokens of a request.", metrics.output_tokens);
  out->AddHistogram("distinct_experts_per_step", "Experts that worked, per MoE layer and step.",
                    metrics.distinct_experts_per_step);
}

const char* PhaseName(ServerPhase phase) {
  switch (phase) {
    case ServerPhase::kLoading:
      return "loading";
    case ServerPhase::kReady:
      return "ready";
    case ServerPhase::kDraining:
      return "draining";
    case ServerPhase::kFailed:
      return "failed";
  }
  return "unknown";
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricsCollector::Collect() const {
  FamilyBuilder out;
  out.Gauge("build_info", "Version and model; the value is 1.", 1,
            {{"version", kVersion}, {"model_name", state_->model_name()}});
  const ServerPhase phase = state_->phase();
  for (ServerPhase p : {ServerPhase::kLoading, ServerPhase::kReady, ServerPhase::kDraining, ServerPhase::kFailed})
    out.Gauge("phase", "1 for the phase that the server is in.", p == phase ? 1 : 0, Label("phase", PhaseName(p)));
  uint64_t done = 0;
  uint64_t total = 0;
  state_->GetProgress(&done, &total);
  out.Gauge("model_load_bytes", "Weights read so far.", static_cast<double>(done));
  out.Gauge("model_load_total_bytes", "Weights to read.", static_cast<double>(total));
  out.Gauge("start_time_seconds", "Unix time of the start.", static_cast<double>(state_->start_unix_ms()) / 1000);
  out.Counter("log_lines_dropped_total", "Log lines lost to a full queue.", static_cast<double>(DroppedLogLines()));
  for (const auto& [key, count] : calls_->counts())
    out.Counter("grpc_calls_total", "Finished calls by method and gRPC code.", static_cast<double>(count),
                {{"method", key.first}, {"code", key.second}});
  if (const std::shared_ptr<ServedModel> model = state_->model(); model != nullptr && model->engine != nullptr) {
    AddLoad(*model->engine, &out);
    AddEngineMetrics(model->engine->metrics(), &out);
    AddExperts(model->engine->routing(), model->engine->expert_tier(), &out);
  }
  return out.Take();
}

}  // namespace foregate
