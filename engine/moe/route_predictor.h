// RoutePredictor: which experts a layer will want, from routing alone, for checkpoints without pre-gates.
//
// For each expert of a layer it counts which experts the same rows chose `lead` layers later. What rows chose then
// tells the layer ahead: naive Bayes over a row's top-k with the caller's prior (ExpertUsage::probability, which knows
// recent tokens), joined over rows. Such estimates are too sure or too shy; the judge puts right what is absent.
//
// It also holds what is learned of another source, the next layer's own router applied to the current state: how often
// each rank comes true, and its judge. All of it is saved together (route_predictor_file.h). How to use it, per layer:
//
//   predictor.Observe(layer, rows); predictor.judge().Judge(layer, rows);
//   predictor.Predict(layer + lead, prior, num_rows, &guesses);      // or a GuessUnion of router ranks
//   (leave out what is resident or on its way)
//   predictor.judge().Grade(layer + lead, guesses);
//   SelectGuesses(guesses, expert_bytes, BudgetOf(governor));
//
// Bounded: experts^2 x 2 bytes per layer but the last `lead`, and 4 bytes per expert: 1.6 MB for 48 layers of 128, 25
// MB for 48 layers of 512. Counts are halved when full, so that what is old fades. Nothing allocates after Create
// but the caller's vectors. O(rows x top_k^2) to learn, O(rows x top_k x experts) to predict, with kMaxEvidenceRows
// rows at most. Deterministic. Thread-compatible: no clock, no thread, no device.
#ifndef FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_H_
#define FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/moe/expert_guess.h"
#include "engine/moe/guess_calibration.h"
#include "engine/moe/guess_judge.h"

namespace foregate {

struct RouteShape {
  int32_t num_layers = 0;   // that route
  int32_t num_experts = 0;  // in each of them
  int32_t top_k = 0;
  int32_t lead = 1;  // how many layers ahead
  friend bool operator==(const RouteShape&, const RouteShape&) = default;
};

class RoutePredictor {
 public:
  static constexpr uint64_t kMaxStateBytes = uint64_t{256} << 20;
  static constexpr size_t kMaxRows = 1024;        // of one visit that are learned from, the first ones
  static constexpr size_t kMaxEvidenceRows = 32;  // that a prediction looks at, evenly spaced

  // INVALID_ARGUMENT for a shape that cannot be; RESOURCE_EXHAUSTED when it would need more than kMaxStateBytes.
  static absl::StatusOr<RoutePredictor> Create(const RouteShape& shape);
  // Bytes that a predictor of the shape holds; saturates.
  static uint64_t StateBytes(const RouteShape& shape);

  // A layer routed: `experts` is [rows, top_k], rows in the order of the step, distinct in a row. Learns from the rows
  // of the layer `lead` before it in the same step (as many rows in the same order; otherwise rows were dropped, and
  // nothing is learned). Layers of a step come in ascending order.
  void Observe(int32_t layer_index, std::span<const int32_t> experts);

  // What layer `layer_index` will want: from the rows observed `lead` layers before it where they are the last that
  // layer saw, else from the prior alone. `prior`[experts]: that one row wants the expert. `num_rows`: of the step.
  // Estimates of at least kLeastProbability, ascending experts.
  void Predict(int32_t layer_index, std::span<const float> prior, size_t num_rows, std::vector<ExpertGuess>* guesses);
  static constexpr float kLeastProbability = 1.0f / 64;

  // Of Predict's estimates.
  GuessJudge& judge() { return judge_; }
  // How often the next layer's router, on the current state, is right about a row: by rank, 0 first, 2 x top_k of them.
  GuessCalibration& router_ranks() { return router_ranks_; }
  // And of the union of these over rows.
  GuessJudge& router_judge() { return router_judge_; }

  const RouteShape& shape() const { return shape_; }

 private:
  friend class RoutePredictorFile;
  static constexpr uint16_t kMaxSeen = 4096;            // of one expert in one layer; then its counts are halved
  static constexpr uint32_t kMaxRowsCounted = 1 << 16;  // of one layer; then its counts are halved
  explicit RoutePredictor(const RouteShape& shape);

  // The rows of one layer.
  struct Choices {
    int32_t layer_index = -1;
    size_t num_rows = 0;
    std::vector<int32_t> experts;  // [rows, top_k]
  };

  size_t num_experts() const { return static_cast<size_t>(shape_.num_experts); }
  size_t pair_index(int32_t layer_index, int32_t expert) const {
    return static_cast<size_t>(layer_index) * num_experts() + static_cast<size_t>(expert);
  }
  void Learn(const Choices& before, std::span<const int32_t> experts);
  void LearnPair(int32_t layer_index, int32_t expert, std::span<const int32_t> followers);
  // odds_[e] of one row.
  void RowOdds(int32_t layer_index, std::span<const int32_t> chosen, std::span<const float> prior);
  float Marginal(int32_t layer_index, size_t expert) const;

  RouteShape shape_;
  std::vector<uint16_t> followed_;  // [layers - lead, experts, experts]: rows that chose the first and later the second
  std::vector<uint16_t> seen_;      // [layers - lead, experts]: rows that chose the first
  std::vector<uint32_t> chosen_;    // [layers, experts]: rows that chose it
  std::vector<uint32_t> num_rows_;  // [layers]
  GuessJudge judge_;
  GuessCalibration router_ranks_;
  GuessJudge router_judge_;
  // Of the step under way; not saved.
  std::vector<Choices> recent_;  // [lead], by layer modulo lead
  std::vector<float> marginal_;  // [experts], scratch
  std::vector<float> odds_;      // [experts], scratch
  std::vector<float> none_;      // [experts], scratch
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_ROUTE_PREDICTOR_H_
