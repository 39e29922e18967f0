#include "engine/moe/crowd_forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace foregate {
namespace {

// A wrong one costs a read of its size; a right one saves at most the time that the disk would have idled, a fraction
// of a read: only what is nearly certain pays.
constexpr double kLeastProbability = 0.95;
constexpr double kLeastPrecision = 0.9;
constexpr double kMemory = 0.75;     // of a layer's counts that the next one keeps
constexpr double kTrustAtStart = 8;  // experts that count as foreseen rightly
constexpr double kUnbound = std::numeric_limits<double>::infinity();

}  // namespace

CrowdForecast::CrowdForecast(int32_t num_experts)
    : num_experts_(num_experts),
      is_wanted_(static_cast<size_t>(num_experts)),
      num_foreseen_(kTrustAtStart),
      num_wanted_(kTrustAtStart) {
  foreseen_.reserve(static_cast<size_t>(num_experts));
}

std::span<const int32_t> CrowdForecast::Foresee(const ExpertUsage& usage, int32_t layer_index, size_t num_rows) {
  layer_index_ = layer_index;
  foreseen_.clear();
  for (int32_t expert = 0; expert < num_experts_; ++expert) {
    const double unwanted = std::pow(1.0 - double{usage.share(layer_index, expert)}, static_cast<double>(num_rows));
    if (1 - unwanted >= kLeastProbability) foreseen_.push_back(expert);
  }
  return foreseen_;
}

void CrowdForecast::Judge(int32_t layer_index, std::span<const int32_t> experts) {
  if (layer_index != layer_index_) return;
  layer_index_ = -1;
  if (foreseen_.empty()) return;
  std::fill(is_wanted_.begin(), is_wanted_.end(), 0);
  for (const int32_t expert : experts) is_wanted_[static_cast<size_t>(expert)] = 1;
  const auto num_right = std::count_if(foreseen_.begin(), foreseen_.end(),
                                       [&](int32_t expert) { return is_wanted_[static_cast<size_t>(expert)] != 0; });
  num_foreseen_ = kMemory * num_foreseen_ + static_cast<double>(foreseen_.size());
  num_wanted_ = kMemory * num_wanted_ + static_cast<double>(num_right);
}

void CrowdForecast::EndStep(size_t num_rows, double seconds, double stall_seconds, double bytes_per_layer) {
  num_rows_ = num_rows;
  const double busy_seconds = seconds - stall_seconds;
  if (stall_seconds <= 0) {
    bytes_ahead_ = kUnbound;
  } else if (busy_seconds < stall_seconds) {
    bytes_ahead_ = 0;
  } else {
    bytes_ahead_ = bytes_per_layer * busy_seconds / stall_seconds;  // at its full rate, as while it is waited for
  }
}

double CrowdForecast::max_bytes_ahead(size_t num_rows) const {
  const bool is_alike = num_rows <= 2 * num_rows_ && num_rows_ <= 2 * num_rows;
  return is_alike ? bytes_ahead_ : kUnbound;
}

bool CrowdForecast::is_trusted() const { return num_wanted_ >= kLeastPrecision * num_foreseen_; }

}  // namespace foregate
