// Prefetcher: begins to fetch the experts of layers ahead while a layer computes.
//
//   committed    a pre-gate has chosen them (pre_gate.h): they will be used, so they are fetched whatever it costs
//   crowds       of many rows, as a long prompt has, nearly every expert of the next layer is wanted: fetched as if
//                committed, so that layers stream through the cache (crowd_forecast.h)
//   guesses      what the next layer's own router says of the current state, or what RoutePredictor has learned. They
//                warm the cache and change no token: the true router decides later. How much is read on guesses,
//                and whether at all, is the governor's (prefetch_governor.h)
//
// Mechanism only: calibration, judging, selection and budget are the pure parts that a replay runs as well.
// Thread-compatible: the engine thread. Nothing allocates once its lists have reached their size.
#ifndef FOREGATE_ENGINE_MOE_PREFETCHER_H_
#define FOREGATE_ENGINE_MOE_PREFETCHER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/moe/crowd_forecast.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/expert_guess.h"
#include "engine/moe/guess_source.h"
#include "engine/moe/prefetch_governor.h"
#include "engine/moe/route_predictor.h"
#include "kernels/api/tensor_view.h"

namespace foregate {

class Prefetcher {
 public:
  // Rows of a step beyond which nothing is guessed: they are a crowd.
  static constexpr int64_t kMaxGuessRows = RoutePredictor::kMaxEvidenceRows;

  // Of the predictor for a model.
  static RouteShape ShapeOf(const ExpertDirectory& directory, int32_t top_k);

  // `cache` and `directory` must outlive it. `predictor`: of ShapeOf the model, with what was learned before, if
  // anything.
  Prefetcher(ExpertCache& cache, const ExpertDirectory& directory, GuessSource source, RoutePredictor predictor);

  // How many experts the next layer's router is asked for, of each row: what it ranks just too low now may come in.
  static constexpr int32_t NumRanks(int32_t top_k, int32_t num_experts) { return std::min(2 * top_k, num_experts); }
  // The layer whose router should be applied to the state of `layer`, or nothing: another source, too many rows, no
  // layer ahead, or a step without guesses, which pays nothing for looking ahead either.
  std::optional<int32_t> GuessedLayer(int32_t layer, int64_t num_rows) const;

  // What was chosen, or guessed, at the layer that runs for one ahead. `host_ids` [T, k] or [T, NumRanks], best
  // first, in host memory, valid once the running layer's routing is.
  void Commit(int32_t layer, const TensorView& host_ids) { committed_ = {layer, host_ids}; }
  void Guess(int32_t layer, const TensorView& host_ids) { guessed_ = {layer, host_ids}; }

  // The running layer routed, [rows, top_k], and has leased its experts: learns, and begins fetches. The error of the
  // device when a copy cannot be enqueued.
  absl::Status Routed(int32_t layer, std::span<const int32_t> experts, Stream& stream);
  // After a step that took `seconds`, also after one that failed.
  void EndStep(double seconds);

  GuessSource source() const { return source_; }
  const GovernorState& governor() const { return governor_; }
  // What was learned so far.
  const RoutePredictor& predictor() const { return predictor_; }

 private:
  struct Ahead {
    int32_t layer = -1;  // model layer; -1: nothing
    TensorView host_ids;
  };
  GuessJudge& judge() { return source_ == GuessSource::kRouter ? predictor_.router_judge() : predictor_.judge(); }
  void Learn(int32_t layer_index, std::span<const int32_t> experts);
  absl::Status FetchCommitted(Stream& stream);
  absl::Status FetchForCrowd(int32_t target_index, size_t num_rows, Stream& stream);
  // Fills guesses_ for the layer after `layer_index`; false when nothing is known of it.
  bool CollectGuesses(int32_t layer_index, size_t num_rows);
  absl::Status FetchGuesses(int32_t target_index, Stream& stream);

  ExpertCache& cache_;
  const ExpertDirectory& directory_;
  const GuessSource source_;
  const int32_t num_ranks_;
  RoutePredictor predictor_;
  GovernorState governor_;
  CrowdForecast crowd_;
  GuessUnion union_;
  Ahead committed_;
  Ahead guessed_;
  // The router's last guess, until its layer has routed.
  int32_t ranked_layer_index_ = -1;
  std::vector<int32_t> ranked_;  // [rows, num_ranks]
  std::vector<ExpertGuess> guesses_;
  std::vector<float> prior_;        // [experts]
  CachePrefetchBytes seen_;         // at the end of the last step
  double usual_missing_bytes_ = 0;  // of a layer
  size_t num_rows_ = 0;             // of the step so far
  double crowd_bytes_ = 0;          // that it read ahead for a crowd
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_PREFETCHER_H_
