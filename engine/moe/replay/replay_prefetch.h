// ReplayPrefetch: what a prefetcher would know of a layer ahead while a trace is replayed, from one of several sources.
//
//   committed    a trained pre-gate: the trace's choice `lead` layers ahead in the same step, always right
//   speculation  the next layer's router on the current state, right in a set share of its top-k (the first ranks more
//                often than the last), its ranks calibrated online
//   predictor    RoutePredictor: learned from the routing replayed so far
//
// A step's first `lead` layers are known to nobody. Deterministic. Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_PREFETCH_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_PREFETCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/expert_guess.h"
#include "engine/moe/expert_usage.h"
#include "engine/moe/guess_judge.h"
#include "engine/moe/replay/replay_trace.h"
#include "engine/moe/route_predictor.h"

namespace foregate {

struct PrefetchSource {
  enum class Kind : uint8_t { kNone, kCommitted, kSpeculation, kPredictor };
  Kind kind = Kind::kNone;
  double accuracy = 0;  // of speculation: the share of its guesses that come true
  int32_t lead = 1;     // layers ahead, 1 to 4
};

class ReplayPrefetch {
 public:
  // `trace` must outlive the result. INVALID_ARGUMENT for a source outside the limits; RoutePredictor::Create's errors.
  static absl::StatusOr<ReplayPrefetch> Create(const ReplayTrace& trace, const PrefetchSource& source);

  // Visit `number` has routed. Call it for every visit, in order.
  void Observe(size_t number);
  // The visit that is known of once `number` has routed, or nothing.
  std::optional<size_t> Target(size_t number) const;
  // What it will want: certain when the source is committed. `usage` is as of the visit that routed last.
  void Guess(size_t target, const ExpertUsage& usage, std::vector<ExpertGuess>* guesses);
  // Guesses of the target, once those that are resident or on their way are left out, with honest probabilities.
  void Grade(size_t target, std::span<ExpertGuess> guesses);

 private:
  ReplayPrefetch(const ReplayTrace& trace, const PrefetchSource& source, std::optional<RoutePredictor> predictor);
  // What the router on an earlier state puts in the place of one choice.
  int32_t Guessed(size_t target, size_t row, size_t rank) const;
  void Speculate(size_t target);
  bool IsTarget(size_t number) const;

  const ReplayTrace* trace_;
  PrefetchSource source_;
  std::optional<RoutePredictor> predictor_;
  GuessCalibration ranks_;
  GuessJudge judge_;
  GuessUnion union_;
  std::vector<float> prior_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_PREFETCH_H_
