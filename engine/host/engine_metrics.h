// EngineMetrics: the engine's counters and histograms, written by the engine thread, read by anyone (relaxed atomics).
// server/telemetry gives them their Prometheus names; nothing here knows of Prometheus.
#ifndef FOREGATE_ENGINE_HOST_ENGINE_METRICS_H_
#define FOREGATE_ENGINE_HOST_ENGINE_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace foregate {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A histogram over fixed upper bounds (the last bucket is unbounded). Sum is kept in the unit of the observations.
class Histogram {
 public:
  static constexpr size_t kMaxBounds = 24;
  // `bounds` ascend and have static lifetime.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds) {}
  void Observe(double value) {
    size_t i = 0;
    while (i < bounds_.size() && value > bounds_[i]) ++i;
    counts_[i].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  std::span<const double> bounds() const { return bounds_; }
  uint64_t bucket_count(size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::span<const double> bounds_;
  std::array<std::atomic<uint64_t>, kMaxBounds + 1> counts_{};
  std::atomic<double> sum_{0};
};

// Sub-millisecond to minutes: a small model on a fast machine answers within the first buckets.
inline constexpr std::array<double, 18> kLatencySeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                           1,     2.5,    5,     10,   20,    40,   80,  160,  320};
inline constexpr std::array<double, 16> kTokenLatencySeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05,
                                                                0.075,  0.1,   0.15,   0.25,  0.5,  1,    2.5,  10};
inline constexpr std::array<double, 18> kTokenCounts = {1,   2,    4,    8,    16,   32,    64,    128,   256,
                                                        512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072};

// Microseconds to seconds: a phase of a step may be as short as its bookkeeping.
inline constexpr std::array<double, 16> kPhaseSeconds = {5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3,
                                                         2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,  0.5,  2.5};

// What a step spends its time on, in this order; together they are the step.
enum class StepPhase : uint8_t {
  kSchedule,  // mailbox, deadlines, plan, blocks, the batch's arrays
  kForward,   // the decoder
  kSample,    // from logits to tokens and log-probabilities
  kPublish,   // sinks, statistics, metrics, ends of requests
};
inline constexpr size_t kNumStepPhases = 4;

enum class RequestOutcome : uint8_t { kStop, kLength, kCancelled, kDeadline, kRejected, kError };
inline constexpr size_t kNumRequestOutcomes = 6;

struct EngineMetrics {
  std::array<Counter, kNumRequestOutcomes> requests;  // ended (or refused), by RequestOutcome
  Counter prompt_tokens_computed;
  Counter prompt_tokens_cached;
  Counter generation_tokens;
  Counter preemptions;
  Counter steps;
  Counter paced_steps;         // those that held as many prompt rows as the prefill pace allowed beside decode rows
  Counter expert_passed_over;  // tokens that waited a step for others' experts, once for each step
  Counter prefix_cache_query_tokens;
  Counter prefix_cache_hit_tokens;
  Histogram time_to_first_token{kLatencySeconds};
  Histogram inter_token_latency{kTokenLatencySeconds};
  Histogram time_per_output_token{kTokenLatencySeconds};
  Histogram e2e_latency{kLatencySeconds};
  Histogram queue_time{kLatencySeconds};
  Histogram prefill_time{kLatencySeconds};
  Histogram decode_time{kLatencySeconds};
  Histogram step_time{kTokenLatencySeconds};
  // By StepPhase.
  std::array<Histogram, kNumStepPhases> step_phase_time{Histogram{kPhaseSeconds}, Histogram{kPhaseSeconds},
                                                        Histogram{kPhaseSeconds}, Histogram{kPhaseSeconds}};
  Histogram step_tokens{kTokenCounts};
  Histogram prompt_tokens{kTokenCounts};
  Histogram output_tokens{kTokenCounts};
  Histogram distinct_experts_per_step{kTokenCounts};  // per MoE layer and step
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_HOST_ENGINE_METRICS_H_
