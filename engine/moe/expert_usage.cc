#include "engine/moe/expert_usage.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kRate = 1.0f / 32;         // of one row, once many were seen
constexpr double kPriorRows = 16;          // the first rows count as if so many had chosen nothing before them
constexpr float kRecency = 1.0f / 4;       // the chance that an expert of the last visit is wanted again
constexpr float kPriorSeen = 500;          // the formula counts as if it had been right so often in each cell
constexpr uint32_t kMaxSeen = 1 << 17;     // then half of a cell's past is forgotten
constexpr float kForgotten = 1e-9f;        // taken off each time, so that shares end at 0 and never become subnormal
constexpr float kUnseenShare = 1.0f / 12;  // of the layer's mean, for experts that were never chosen

}  // namespace

ExpertUsage::ExpertUsage(int32_t num_layers, int32_t num_experts)
    : num_experts_(num_experts),
      layers_(static_cast<size_t>(num_layers)),
      experts_(static_cast<size_t>(num_layers) * static_cast<size_t>(num_experts)),
      chosen_(static_cast<size_t>(num_experts)) {}

size_t ExpertUsage::index(int32_t layer_index, int32_t expert) const {
  FOREGATE_CHECK(layer_index >= 0 && static_cast<size_t>(layer_index) < layers_.size());
  FOREGATE_CHECK(expert >= 0 && expert < num_experts_);
  return static_cast<size_t>(layer_index) * static_cast<size_t>(num_experts_) + static_cast<size_t>(expert);
}

void ExpertUsage::Visit(int32_t layer_index, size_t num_rows, std::span<const int32_t> experts) {
  FOREGATE_CHECK(num_rows > 0);
  Expert* const of_layer = &experts_[index(layer_index, 0)];
  Layer& layer = layers_[static_cast<size_t>(layer_index)];
  const float row_part = 1 / static_cast<float>(num_rows);
  std::fill(chosen_.begin(), chosen_.end(), 0.0f);
  for (const int32_t expert : experts) chosen_[index(0, expert)] += row_part;
  if (layer.num_visits > 0) Learn(layer, of_layer);
  ++layer.num_visits;
  // The weight of these rows: of a plain average at first, of a decayed one later.
  const auto rows = static_cast<double>(num_rows);
  const double decayed = 1 - std::pow(1.0 - kRate, rows);
  const double plain = rows / (rows + static_cast<double>(layer.num_rows) + kPriorRows);
  const auto weight = static_cast<float>(std::max(decayed, plain));
  layer.num_rows += num_rows;
  for (int32_t i = 0; i < num_experts_; ++i)
    of_layer[i].share = std::max(of_layer[i].share * (1 - weight) - kForgotten, 0.0f);
  for (const int32_t expert : experts) {
    Expert& chosen = experts_[index(layer_index, expert)];
    chosen.share += weight * row_part;
    chosen.last_visit = layer.num_visits;
  }
  const float mean =
      static_cast<float>(experts.size()) / static_cast<float>(num_experts_) / static_cast<float>(num_rows);
  layer.mean_share += weight * (mean - layer.mean_share);
}

float ExpertUsage::share(int32_t layer_index, int32_t expert) const {
  return experts_[index(layer_index, expert)].share;
}

// What was chosen against what was expected, by cell.
void ExpertUsage::Learn(const Layer& layer, const Expert* of_layer) {
  for (size_t i = 0; i < chosen_.size(); ++i) {
    Cell& cell = cells_[CellOf(layer, of_layer[i])];
    cell.error_sum += chosen_[i] - Expected(layer, of_layer[i]);
    if (++cell.num_seen < kMaxSeen) continue;
    cell.error_sum /= 2;
    cell.num_seen /= 2;
  }
}

size_t ExpertUsage::CellOf(const Layer& layer, const Expert& expert) {
  const uint32_t age = layer.num_visits - expert.last_visit + 1;
  const size_t age_cell =
      expert.last_visit == 0 ? 0 : std::min<size_t>(static_cast<size_t>(std::bit_width(age)), kNumAges - 1);
  // 0: under a quarter of the layer's mean, then by doublings.
  float bound = layer.mean_share / 4;
  size_t share_cell = 0;
  for (; share_cell + 1 < kNumShares && expert.share >= bound; ++share_cell) bound *= 2;
  return age_cell * kNumShares + share_cell;
}

float ExpertUsage::Expected(const Layer& layer, const Expert& expert) {
  const float expected = expert.share + kUnseenShare * layer.mean_share;
  return expert.last_visit == 0 ? expected
                                : expected + kRecency / static_cast<float>(layer.num_visits - expert.last_visit + 1);
}

float ExpertUsage::probability(int32_t layer_index, int32_t expert) const {
  const Expert& of = experts_[index(layer_index, expert)];
  const Layer& layer = layers_[static_cast<size_t>(layer_index)];
  const Cell& cell = cells_[CellOf(layer, of)];
  const float correction = cell.error_sum / (static_cast<float>(cell.num_seen) + kPriorSeen);
  return std::clamp(Expected(layer, of) + correction, 0.0f, 1.0f);
}

}  // namespace foregate
