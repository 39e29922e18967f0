#include "engine/moe/route_predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kTrustInMarginal = 12;  // rows as if seen after each expert, which chose as all rows do
constexpr float kLeastPrior = 1e-4f;
constexpr float kMostPrior = 0.98f;
constexpr float kLeastOdds = 1e-6f;  // products of many factors stay finite
constexpr float kMostOdds = 1e6f;
constexpr uint64_t kMaxExperts = 65536;
constexpr uint64_t kMaxLayers = 4096;

// Of ranks under top-k four of five come true, falling with the rank; of those above it few (published for several
// models, docs/benchmarks.md): where a calibration starts.
std::vector<float> BelievedOfRanks(int32_t top_k) {
  std::vector<float> believed;
  for (int32_t rank = 0; rank < 2 * top_k; ++rank) {
    const float place = static_cast<float>(rank) / static_cast<float>(top_k);
    believed.push_back(rank < top_k ? 0.95f - 0.35f * place : 0.35f - 0.15f * place);
  }
  return believed;
}

bool IsPossible(const RouteShape& shape) {
  return shape.num_layers >= 1 && static_cast<uint64_t>(shape.num_layers) <= kMaxLayers && shape.num_experts >= 1 &&
         static_cast<uint64_t>(shape.num_experts) <= kMaxExperts && shape.top_k >= 1 &&
         shape.top_k <= shape.num_experts && shape.lead >= 1 && shape.lead <= 4;
}

size_t NumTables(const RouteShape& shape) { return static_cast<size_t>(std::max(shape.num_layers - shape.lead, 0)); }

}  // namespace

uint64_t RoutePredictor::StateBytes(const RouteShape& shape) {
  if (!IsPossible(shape)) return std::numeric_limits<uint64_t>::max();
  const auto layers = static_cast<uint64_t>(shape.num_layers), experts = static_cast<uint64_t>(shape.num_experts);
  const auto top_k = static_cast<uint64_t>(shape.top_k), lead = static_cast<uint64_t>(shape.lead);
  const uint64_t tables = NumTables(shape) * (experts * experts + experts) * sizeof(uint16_t);
  const uint64_t marginals = layers * (experts + 1) * sizeof(uint32_t);
  const uint64_t calibrations =
      (layers + 1) * (2 * GuessJudge::kNumGrades + 2 * top_k) * sizeof(GuessCalibration::Cell);
  const uint64_t of_step = lead * (kMaxRows * top_k * sizeof(int32_t) + 2 * experts) + experts * 14;
  return tables + marginals + calibrations + of_step;
}

absl::StatusOr<RoutePredictor> RoutePredictor::Create(const RouteShape& shape) {
  const std::string name = "route predictor for " + std::to_string(shape.num_layers) + " layers of " +
                           std::to_string(shape.num_experts) + " experts, top-" + std::to_string(shape.top_k) + ", " +
                           std::to_string(shape.lead) + " ahead";
  if (!IsPossible(shape)) return absl::InvalidArgumentError(name + ": no such shape");
  if (StateBytes(shape) > kMaxStateBytes)
    return absl::ResourceExhaustedError(name + ": " + std::to_string(StateBytes(shape)) + " bytes, at most " +
                                        std::to_string(kMaxStateBytes));
  return RoutePredictor(shape);
}

RoutePredictor::RoutePredictor(const RouteShape& shape)
    : shape_(shape),
      followed_(NumTables(shape) * num_experts() * num_experts()),
      seen_(NumTables(shape) * num_experts()),
      chosen_(static_cast<size_t>(shape.num_layers) * num_experts()),
      num_rows_(static_cast<size_t>(shape.num_layers)),
      judge_(shape.num_layers, shape.num_experts, shape.lead),
      router_ranks_(shape.num_layers, BelievedOfRanks(shape.top_k)),
      router_judge_(shape.num_layers, shape.num_experts, shape.lead),
      recent_(static_cast<size_t>(shape.lead)),
      marginal_(num_experts()),
      odds_(num_experts()),
      none_(num_experts()) {
  for (Choices& choices : recent_) choices.experts.reserve(kMaxRows * static_cast<size_t>(shape.top_k));
}

void RoutePredictor::Observe(int32_t layer_index, std::span<const int32_t> experts) {
  const auto top_k = static_cast<size_t>(shape_.top_k);
  FOREGATE_CHECK(layer_index >= 0 && layer_index < shape_.num_layers);
  FOREGATE_CHECK(!experts.empty() && experts.size() % top_k == 0);
  for (const int32_t expert : experts) FOREGATE_CHECK(expert >= 0 && expert < shape_.num_experts);

  const size_t num_rows = experts.size() / top_k;
  const std::span<const int32_t> learned = experts.first(std::min(num_rows, kMaxRows) * top_k);
  const size_t slot = static_cast<size_t>(layer_index % shape_.lead);
  Choices& recent = recent_[slot];
  if (recent.layer_index == layer_index - shape_.lead && recent.num_rows == num_rows) Learn(recent, learned);
  uint32_t& rows = num_rows_[static_cast<size_t>(layer_index)];
  if (rows >= kMaxRowsCounted) {
    rows /= 2;
    for (size_t i = 0; i < num_experts(); ++i) chosen_[pair_index(layer_index, 0) + i] /= 2;
  }
  rows += static_cast<uint32_t>(learned.size() / top_k);
  for (const int32_t expert : learned) ++chosen_[pair_index(layer_index, expert)];
  recent.layer_index = layer_index;
  recent.num_rows = num_rows;
  recent.experts.assign(learned.begin(), learned.end());
}

void RoutePredictor::Learn(const Choices& before, std::span<const int32_t> experts) {
  const auto top_k = static_cast<size_t>(shape_.top_k);
  for (size_t row = 0; row + top_k <= experts.size(); row += top_k)
    for (size_t i = row; i < row + top_k; ++i)
      LearnPair(before.layer_index, before.experts[i], experts.subspan(row, top_k));
}

void RoutePredictor::LearnPair(int32_t layer_index, int32_t expert, std::span<const int32_t> followers) {
  const size_t index = pair_index(layer_index, expert);
  uint16_t* const followed = &followed_[index * num_experts()];
  if (seen_[index] == kMaxSeen) {
    seen_[index] /= 2;
    for (size_t e = 0; e < num_experts(); ++e) followed[e] /= 2;
  }
  ++seen_[index];
  for (const int32_t follower : followers) ++followed[follower];
}

// Of one row, smoothed by one row of equal chances; under 1.
float RoutePredictor::Marginal(int32_t layer_index, size_t expert) const {
  const float equal = static_cast<float>(shape_.top_k) / static_cast<float>(shape_.num_experts);
  const float share = (static_cast<float>(chosen_[pair_index(layer_index, 0) + expert]) + equal) /
                      (static_cast<float>(num_rows_[static_cast<size_t>(layer_index)]) + 1);
  return std::min(share, kMostPrior);
}

void RoutePredictor::RowOdds(int32_t layer_index, std::span<const int32_t> chosen, std::span<const float> prior) {
  for (size_t e = 0; e < num_experts(); ++e) {
    const float p = std::clamp(prior[e], kLeastPrior, kMostPrior);
    odds_[e] = p / (1 - p);
  }
  for (const int32_t expert : chosen) {
    const size_t index = pair_index(layer_index - shape_.lead, expert);
    const uint16_t* const followed = &followed_[index * num_experts()];
    const auto seen = static_cast<float>(seen_[index]);
    for (size_t e = 0; e < num_experts(); ++e) {
      // The odds after this expert against those after any.
      const auto after = static_cast<float>(followed[e]);
      const float m = marginal_[e];
      odds_[e] *= (after / m + kTrustInMarginal) / ((seen - after) / (1 - m) + kTrustInMarginal);
      odds_[e] = std::clamp(odds_[e], kLeastOdds, kMostOdds);
    }
  }
  // Experts of a row are not independent, so the product is too sure of itself: a row chooses top-k in all.
  float sum = 0;
  for (const float odds : odds_) sum += odds / (1 + odds);
  const float scale = static_cast<float>(shape_.top_k) / std::max(sum, kLeastPrior);
  for (float& odds : odds_) odds *= scale;
}

void RoutePredictor::Predict(int32_t layer_index, std::span<const float> prior, size_t num_rows,
                             std::vector<ExpertGuess>* guesses) {
  FOREGATE_CHECK(layer_index >= 0 && layer_index < shape_.num_layers && prior.size() == num_experts());
  FOREGATE_CHECK(num_rows > 0);
  const auto top_k = static_cast<size_t>(shape_.top_k);
  const Choices& before = recent_[static_cast<size_t>(layer_index % shape_.lead)];
  const bool has_evidence = before.layer_index == layer_index - shape_.lead && before.num_rows == num_rows;
  const size_t rows_known = has_evidence ? before.experts.size() / top_k : 1;
  const size_t rows_used = std::min(rows_known, kMaxEvidenceRows);
  for (size_t e = 0; e < num_experts(); ++e) marginal_[e] = Marginal(layer_index, e);
  std::fill(none_.begin(), none_.end(), 1.0f);
  for (size_t i = 0; i < rows_used; ++i) {
    const size_t row = i * rows_known / rows_used;
    RowOdds(layer_index, has_evidence ? std::span(before.experts).subspan(row * top_k, top_k) : std::span<int32_t>(),
            prior);
    for (size_t e = 0; e < num_experts(); ++e) none_[e] /= 1 + odds_[e];
  }
  const float rows_each = static_cast<float>(num_rows) / static_cast<float>(rows_used);
  guesses->clear();
  for (size_t e = 0; e < num_experts(); ++e) {
    const float any = 1 - (rows_each > 1 ? std::pow(none_[e], rows_each) : none_[e]);
    if (any >= kLeastProbability) guesses->push_back({.expert = static_cast<int32_t>(e), .probability = any});
  }
}

}  // namespace foregate
