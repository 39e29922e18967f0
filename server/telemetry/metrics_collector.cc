#include "server/telemetry/metrics_collector.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "prometheus/metric_family.h"
#include "server/config/version.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::array<const char*, kNumRequestOutcomes> kOutcomes = {"stop",     "length",   "cancelled",
                                                                    "deadline", "rejected", "error"};

constexpr std::array<const char*, kNumStepPhases> kStepPhases = {"schedule", "forward", "sample", "publish"};

class FamilyBuilder {
 public:
  void Gauge(const std::string& name, const std::string& help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.gauge.value = value;
    Add(name, help, MetricType::Gauge, std::move(labels), std::move(metric));
  }
  void Counter(const std::string& name, const std::string& help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.counter.value = value;
    Add(name, help, MetricType::Counter, std::move(labels), std::move(metric));
  }
  void AddHistogram(const std::string& name, const std::string& help, const Histogram& histogram, Labels labels = {}) {
    ClientMetric metric;
    uint64_t count = 0;
    for (size_t i = 0; i <= histogram.bounds().size(); ++i) {
      count += histogram.bucket_count(i);
      const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
      metric.histogram.bucket.push_back({count, bound});
    }
    // From the buckets just read, so that count and buckets agree whatever the engine adds meanwhile.
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = histogram.sum();
    Add(name, help, MetricType::Histogram, std::move(labels), std::move(metric));
  }
  std::vector<MetricFamily> Take() { return std::move(families_); }

 private:
  // Series of one family follow each other.
  void Add(const std::string& name, const std::string& help, MetricType type, Labels labels, ClientMetric metric) {
    metric.label = std::move(labels);
    if (families_.empty() || families_.back().name != "foregate_" + name) {
      families_.emplace_back();
      families_.back().name = "foregate_" + name;
      families_.back().help = help;
      families_.back().type = type;
    }
    families_.back().metric.push_back(std::move(metric));
  }

  std::vector<MetricFamily> families_;
};

Labels Label(const std::string& name, const std::string& value) { return {{name, value}}; }

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
  const auto counter = [out](const char* name, const char* help, const Counter& value, Labels labels = {}) {
    out->Counter(name, help, static_cast<double>(value.value()), std::move(labels));
  };
  const char* const prompt_help = "Prompt tokens by source: computed, or found in the prefix cache.";
  counter("prompt_tokens_total", prompt_help, metrics.prompt_tokens_computed, Label("source", "computed"));
  counter("prompt_tokens_total", prompt_help, metrics.prompt_tokens_cached, Label("source", "cached"));
  counter("generation_tokens_total", "Generated tokens.", metrics.generation_tokens);
  counter("preemptions_total", "Sequences that lost their KV blocks and were computed again.", metrics.preemptions);
  counter("paced_steps_total", "Steps with as many prompt rows as the prefill pace allowed beside running streams.",
          metrics.paced_steps);
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

void AddRouting(const RouteStatistics& routing, FamilyBuilder* out) {
  const size_t layers = routing.moe_layers().size();
  if (layers == 0) return;
  struct Group {
    std::string name;  // model layers "0-5"
    double selections = 0;
    double imbalance = 0;
  };
  const size_t groups = std::min(layers, kMaxLayerGroups);
  std::vector<Group> rows;
  for (size_t g = 0; g < groups; ++g) {
    const size_t begin = g * layers / groups;
    const size_t end = (g + 1) * layers / groups;
    Group group;
    group.name = std::to_string(routing.moe_layers()[begin]) + "-" + std::to_string(routing.moe_layers()[end - 1]);
    for (size_t layer = begin; layer < end; ++layer) {
      double total = 0;
      double most = 0;
      for (int32_t expert = 0; expert < routing.num_experts(); ++expert) {
        const double count = static_cast<double>(routing.count(layer, expert));
        total += count;
        most = std::max(most, count);
      }
      group.selections += total;
      if (total > 0) group.imbalance = std::max(group.imbalance, most * routing.num_experts() / total);
    }
    rows.push_back(std::move(group));
  }
  for (const Group& group : rows)
    out->Counter("expert_selections_total", "Experts chosen, summed over the layers of a group.", group.selections,
                 Label("layer_group", group.name));
  for (const Group& group : rows)
    out->Gauge("expert_load_imbalance_ratio",
               "Busiest expert over the mean since the start, worst layer of the group; 1 is even.", group.imbalance,
               Label("layer_group", group.name));
}

constexpr std::array<const char*, kNumFetchClasses> kFetchClasses = {"demand", "committed", "speculative"};

void AddExpertTier(const ExpertTier& tier, FamilyBuilder* out) {
  if (tier.num_experts == 0) return;
  out->Gauge("experts", "Experts of the model, over all layers.", static_cast<double>(tier.num_experts));
  out->Gauge("expert_slots", "Experts that fast memory holds at once.", static_cast<double>(tier.num_slots));
  out->Gauge("expert_slot_bytes", "Fast memory of the expert slots.", static_cast<double>(tier.slot_bytes));
  if (tier.cache == nullptr) return;
  const auto counter = [out](const char* name, const char* help, const std::atomic<uint64_t>& value,
                             Labels labels = {}) {
    out->Counter(name, help, static_cast<double>(value.load(std::memory_order_relaxed)), std::move(labels));
  };
  const ExpertCacheCounters& cache = *tier.cache;
  const char* const wanted_help =
      "Experts that a layer wanted, by what was found: resident, late (on its way already), or absent.";
  counter("expert_acquired_total", wanted_help, cache.num_hits, Label("found", "resident"));
  counter("expert_acquired_total", wanted_help, cache.num_late, Label("found", "late"));
  counter("expert_acquired_total", wanted_help, cache.num_misses, Label("found", "absent"));
  counter("expert_evictions_total", "Experts that gave up their slot.", cache.num_evictions);
  counter("expert_prefetched_total", "Experts fetched before a layer wanted them.", cache.num_prefetched);
  counter("expert_prefetched_used_total", "Of these, experts that a layer wanted before they were evicted.",
          cache.num_prefetched_used);
  const char* const guess_help =
      "Bytes of experts read on a guess: used, wasted, or of experts that a guess evicted and that were soon wanted.";
  counter("expert_guess_bytes_total", guess_help, cache.guess_used_bytes, Label("outcome", "used"));
  counter("expert_guess_bytes_total", guess_help, cache.guess_wasted_bytes, Label("outcome", "wasted"));
  counter("expert_guess_bytes_total", guess_help, cache.guess_regretted_bytes, Label("outcome", "regretted"));
  out->Gauge("expert_guess_level", "How bold guesses are: -1 none are read, 0 only nearly certain ones, at most 4.",
             cache.guess_level.load(std::memory_order_relaxed));
  out->Counter("expert_stall_seconds_total", "The engine's waits for experts.",
               static_cast<double>(cache.stall_us.load(std::memory_order_relaxed)) / 1e6);
  if (tier.store == nullptr) return;
  for (size_t i = 0; i < kNumFetchClasses; ++i)
    counter("expert_read_bytes_total", "Bytes of experts read, by why.", tier.store->bytes_read[i],
            Label("class", kFetchClasses[i]));
  counter("expert_read_retries_total", "Reads of experts that were tried again.", tier.store->num_retries);
  counter("expert_read_failures_total", "Experts that could not be read.", tier.store->num_failed);
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

std::vector<MetricFamily> MetricsCollector::Collect() const {
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
    AddRouting(model->engine->routing(), &out);
    AddExpertTier(model->engine->expert_tier(), &out);
  }
  return out.Take();
}

}  // namespace foregate
