#include "tools/offline/decode_forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/moe/replay/replay.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Replays are bounded by what they touch: 60,000 experts take about a second.
constexpr double kMaxExpertUses = 60'000;
constexpr size_t kMinSteps = 12, kMaxSteps = 240;
constexpr uint64_t kSeed = 20261123;

double DistinctExperts(const ReplayTrace& trace) {
  uint64_t num_distinct = 0;
  for (size_t i = 0; i < trace.num_visits(); ++i) {
    const ReplayTrace::Visit visit = trace.visit(i);
    for (size_t c = 0; c < visit.choices.size(); ++c)
      num_distinct += c == 0 || visit.choices[c] != visit.choices[c - 1] ? 1 : 0;
  }
  return static_cast<double>(num_distinct) / static_cast<double>(trace.num_visits());
}

// Of all steps, if routing is uniform.
double ExpectedDistinct(const StepShape& step, size_t num_streams) {
  const double num_experts = step.num_experts;
  return num_experts * (1 - std::pow(1 - step.experts_per_token / num_experts, static_cast<double>(num_streams)));
}

size_t NumSteps(const StepShape& step, size_t num_streams) {
  const double uses = ExpectedDistinct(step, num_streams) * static_cast<double>(step.moe_layers.size());
  return std::clamp(static_cast<size_t>(kMaxExpertUses / uses), kMinSteps, kMaxSteps);
}

absl::StatusOr<ReplayTrace> MakeTrace(const ForecastInput& input, size_t num_streams) {
  const TraceHeader header = ForecastHeader(input.step);
  const size_t num_steps = NumSteps(input.step, num_streams);
  if (input.tokens != nullptr) return input.tokens->Compose(header, num_streams, num_steps);
  return UniformDecodeTrace(header, num_streams, num_steps, kSeed);
}

class Forecaster {
 public:
  Forecaster(const ForecastInput& input, const ForecastMachine& machine, size_t num_streams, const ReplayTrace& trace)
      : input_(input), machine_(machine), rows_(static_cast<double>(num_streams)), trace_(trace) {
    forecast_.num_streams = num_streams;
    forecast_.num_steps = trace.num_steps();
    forecast_.experts_per_layer = DistinctExperts(trace);
  }

  absl::StatusOr<DecodeForecast> Run() {
    const double num_layers = static_cast<double>(input_.step.moe_layers.size());
    const double step_seconds = num_layers * (LayerSeconds() + forecast_.experts_per_layer * ExpertSeconds());
    forecast_.resident_tokens_per_second = rows_ / step_seconds;
    forecast_.tokens_per_second = forecast_.demand_tokens_per_second = forecast_.resident_tokens_per_second;
    if (input_.keeps_all_experts) return forecast_;
    FOREGATE_ASSIGN_OR_RETURN(const Rates demand, ReplayWith(PrefetchSource{}));
    forecast_.demand_tokens_per_second = forecast_.tokens_per_second = demand.tokens_per_second;
    forecast_.demand_read_bytes_per_token = forecast_.read_bytes_per_token = demand.read_bytes_per_token;
    forecast_.demand_hit_rate = demand.hit_rate;
    forecast_.bound = demand.stall_share > 0.5 ? DecodeForecast::Bound::kDisk : DecodeForecast::Bound::kComputing;
    if (input_.prefetch.kind == PrefetchSource::Kind::kNone) return forecast_;
    FOREGATE_ASSIGN_OR_RETURN(const Rates ahead, ReplayWith(input_.prefetch));
    forecast_.tokens_per_second = ahead.tokens_per_second;
    forecast_.read_bytes_per_token = ahead.read_bytes_per_token;
    const double disk_seconds = ahead.read_bytes_per_token * rows_ / machine_.disk_bytes_per_second;
    forecast_.bound = disk_seconds > step_seconds ? DecodeForecast::Bound::kDisk : DecodeForecast::Bound::kComputing;
    return forecast_;
  }

 private:
  struct Rates {
    double tokens_per_second = 0;
    double read_bytes_per_token = 0;
    double hit_rate = 1;
    double stall_share = 0;
  };

  double Seconds(double bytes, double operations) const {
    return std::hypot(bytes / (machine_.read_bytes_per_second * machine_.reach.of_reading),
                      operations / (machine_.ops_per_second * machine_.reach.of_computing));
  }
  // Beside the experts.
  double LayerSeconds() const {
    const double kv_bytes =
        rows_ * static_cast<double>(input_.context_tokens) * static_cast<double>(input_.kv_bytes_per_token);
    return Seconds(static_cast<double>(input_.step.dense_bytes) + kv_bytes,
                   2 * rows_ * static_cast<double>(input_.step.dense_parameters)) /
           static_cast<double>(input_.step.moe_layers.size());
  }
  double ExpertSeconds() const {
    const std::vector<uint64_t>& bytes = input_.step.expert_bytes;
    const double mean_bytes = static_cast<double>(std::accumulate(bytes.begin(), bytes.end(), uint64_t{0})) /
                              static_cast<double>(bytes.size());
    const double rows_each = rows_ * input_.step.experts_per_token / forecast_.experts_per_layer;
    return Seconds(mean_bytes, 2 * rows_each * static_cast<double>(input_.step.expert_parameters));
  }

  // Over the second half of the steps: the cache is full then and its policy knows the routing.
  absl::StatusOr<Rates> ReplayWith(const PrefetchSource& source) const {
    FOREGATE_ASSIGN_OR_RETURN(const ReplayResult replayed,
                              Replay(trace_, {.policy = input_.eviction,
                                              .memory_bytes = input_.slot_bytes,
                                              .bytes_per_second = machine_.disk_bytes_per_second,
                                              .expert_seconds = ExpertSeconds(),
                                              .layer_seconds = LayerSeconds(),
                                              .request_bytes = machine_.disk_request_bytes,
                                              .in_flight_bytes = machine_.disk_in_flight_bytes,
                                              .guessed_in_flight_bytes = machine_.disk_guessed_in_flight_bytes,
                                              .source = source,
                                              .is_governed = true}));
    double rows = 0, seconds = 0, compute_seconds = 0, wanted = 0, missing = 0, read = 0;
    for (size_t i = replayed.steps.size() / 2; i < replayed.steps.size(); ++i) {
      const ReplayResult::Step& step = replayed.steps[i];
      rows += static_cast<double>(step.num_rows);
      seconds += step.seconds;
      compute_seconds += step.compute_seconds;
      wanted += static_cast<double>(step.bytes_wanted);
      missing += static_cast<double>(step.bytes_missing);
      read += static_cast<double>(step.bytes_read);
    }
    return Rates{.tokens_per_second = rows / seconds,
                 .read_bytes_per_token = read / rows,
                 .hit_rate = 1 - missing / wanted,
                 .stall_share = 1 - compute_seconds / seconds};
  }

  const ForecastInput& input_;
  const ForecastMachine& machine_;
  const double rows_;
  const ReplayTrace& trace_;
  DecodeForecast forecast_;
};

}  // namespace

TraceHeader ForecastHeader(const StepShape& step) {
  TraceHeader header{.source = "",
                     .layers = {},
                     .num_experts = step.num_experts,
                     .top_k = step.experts_per_token,
                     .has_weights = false};
  for (size_t i = 0; i < step.moe_layers.size(); ++i)
    header.layers.push_back({step.moe_layers[i], step.expert_bytes[i]});
  return header;
}

absl::StatusOr<DecodeForecast> ForecastDecode(const ForecastInput& input, const ForecastMachine& machine,
                                              size_t num_streams) {
  FOREGATE_ASSIGN_OR_RETURN(const ReplayTrace trace, MakeTrace(input, num_streams));
  return Forecaster(input, machine, num_streams, trace).Run();
}

}  // namespace foregate
