// TierContender: an engine whose experts do not all fit in memory, with routing from elsewhere (routing_source.h), run
// again and again with any number of streams.
#ifndef FOREGATE_TESTS_BENCH_TIER_CONTENDER_H_
#define FOREGATE_TESTS_BENCH_TIER_CONTENDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/engine_loop.h"
#include "engine/host/clock.h"
#include "engine/model/load_model.h"
#include "engine/moe/eviction_policy.h"
#include "engine/moe/guess_source.h"
#include "tests/bench/expert_traffic.h"
#include "tests/bench/routing_source.h"

namespace foregate {

struct TierOptions {
  std::string model;
  std::string weights;                // as the daemon's --weights
  std::string expert_memory = "25%";  // as the daemon's --expert-memory: a size or a share
  std::string cache_dir;
  std::string reading = "router";  // when experts are read and which give way, ParseReading
  std::string routing = "even";    // or a routing trace
  int num_threads = 0;             // 0: every core
  int max_streams = 1;
  int max_tokens = 0;         // of one stream
  int pre_gate_distance = 0;  // of the checkpoint
  double guess_accuracy = 1;
};

// PREFETCH[:EVICTION[:blocking]], as "router", "off:lru", "off:lru:blocking": engine.expert_prefetch,
// engine.expert_eviction ("expected" where it is not given), and whether a layer computes nothing before all of its
// experts are there, as a simple offloader does.
struct Reading {
  std::optional<GuessSource> prefetch;
  EvictionPolicy eviction = EvictFarthestExpectedUse;
  bool is_blocking = false;
};
// INVALID_ARGUMENT naming the part.
absl::StatusOr<Reading> ParseReading(const std::string& text);

// Of the steps of one run that were measured.
struct TierRun {
  double seconds = 0;
  double tokens = 0;
  ExpertTraffic experts;

  double rate() const { return tokens / seconds; }
};

class TierContender {
 public:
  // INVALID_ARGUMENT for options that make no sense, and what loading the model returns.
  static absl::StatusOr<std::unique_ptr<TierContender>> Create(const TierOptions& options);

  // So many streams of `warm_tokens` tokens and then `tokens` more, which are measured.
  TierRun Run(int num_streams, int warm_tokens, int tokens);

  const TierOptions& options() const { return options_; }
  const RoutingSource& routing() const { return *routing_; }
  ExpertTier tier() const { return loop_->expert_tier(); }
  // Of all experts, in memory or not, and of one on average.
  double all_expert_bytes() const { return static_cast<double>(plan_.memory.all_expert_bytes); }
  double expert_bytes() const { return all_expert_bytes() / plan_.memory.num_experts; }

 private:
  explicit TierContender(const TierOptions& options) : options_(options) {}
  absl::Status Open();
  EngineOptions LoopOptions(const LoadOptions& load) const;

  const TierOptions options_;
  SystemClock clock_;
  Backend backend_;
  ModelPlan plan_;
  std::unique_ptr<RoutingSource> routing_;
  std::unique_ptr<EngineLoop> loop_;
  uint64_t num_requests_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_TIER_CONTENDER_H_
