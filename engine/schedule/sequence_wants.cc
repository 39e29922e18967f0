#include "engine/schedule/sequence_wants.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr float kUnit = 65536;
constexpr int kOwnShift = 5;              // a token counts 1/32 of the share of its sequence
constexpr uint16_t kOwnStep = 2047;       // so that a share of all stays within 16 bits
constexpr float kAllRate = 1.0f / 256;    // of a token in the share of all, once many were seen
constexpr float kForgotten = 1e-9f;       // taken off each time, so that shares end at 0 and never become subnormal
constexpr double kPriorSquares = 4;       // squares of differences that said nothing, to begin with
constexpr double kMostSquares = 1 << 12;  // then half of the past is forgotten

}  // namespace

SequenceWants::SequenceWants(size_t num_layers, size_t num_experts)
    : experts_per_layer_(num_experts), all_(num_layers * num_experts), num_rows_(num_layers) {}

void SequenceWants::Begin(SequenceShares* shares) const {
  shares->of_expert.resize(all_.size());
  for (size_t i = 0; i < all_.size(); ++i)
    shares->of_expert[i] = static_cast<uint16_t>(std::min(all_[i] * kUnit, kUnit - 1));
}

void SequenceWants::Observe(size_t layer_index, std::span<const int32_t> chosen, SequenceShares* shares) {
  FOREGATE_CHECK(layer_index < num_rows_.size() && shares->of_expert.size() == all_.size());
  uint16_t* const own = shares->of_expert.data() + layer_index * experts_per_layer_;
  float* const all = all_.data() + layer_index * experts_per_layer_;

  // As if it had chosen none, then what those that it chose change.
  float products = 0;
  float squares = 0;
  for (size_t i = 0; i < experts_per_layer_; ++i) {
    const float difference = static_cast<float>(own[i]) / kUnit - all[i];
    products -= difference * all[i];
    squares += difference * difference;
  }
  for (const int32_t expert : chosen) {
    const auto index = static_cast<size_t>(expert);
    FOREGATE_CHECK_LT(index, experts_per_layer_);
    products += static_cast<float>(own[index]) / kUnit - all[index];
  }
  product_sum_ += static_cast<double>(products);
  square_sum_ += static_cast<double>(squares);
  if (square_sum_ > kMostSquares) {
    product_sum_ /= 2;
    square_sum_ /= 2;
  }

  const uint64_t rows = ++num_rows_[layer_index];
  const float rate = std::max(kAllRate, 1 / static_cast<float>(rows + 1));
  for (size_t i = 0; i < experts_per_layer_; ++i) {
    own[i] = static_cast<uint16_t>(own[i] - (own[i] >> kOwnShift));
    all[i] = std::max(all[i] - all[i] * rate - kForgotten, 0.0f);
  }
  for (const int32_t expert : chosen) {
    const auto index = static_cast<size_t>(expert);
    own[index] = static_cast<uint16_t>(own[index] + kOwnStep);
    all[index] += rate;
  }
}

float SequenceWants::slope() const {
  return static_cast<float>(std::clamp(product_sum_ / (square_sum_ + kPriorSquares), 0.0, 1.0));
}

void SequenceWants::Chances(const SequenceShares& shares, std::span<float> chances) const {
  const float by = slope();
  for (size_t i = 0; i < all_.size(); ++i) {
    const float own = static_cast<float>(shares.of_expert[i]) / kUnit;
    chances[i] = std::clamp(all_[i] + by * (own - all_[i]), 0.0f, 1.0f);
  }
}

}  // namespace foregate
