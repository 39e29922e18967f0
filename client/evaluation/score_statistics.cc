#include "client/evaluation/score_statistics.h"

#include <algorithm>
#include <cmath>

namespace foregate {
namespace {

constexpr double kZ = 1.959963984540054;  // of the normal distribution, 97.5 %

double Square(double x) { return x * x; }

// Of the two answers to a task, with Newcombe's continuity correction. 0 where one of the models is always right or
// always wrong.
double Correlation(const PairedCounts& counts) {
  const auto a = static_cast<double>(counts.both), b = static_cast<double>(counts.only_reference),
             c = static_cast<double>(counts.only_this), d = static_cast<double>(counts.neither);
  const double product = (a + b) * (c + d) * (a + c) * (b + d);
  if (product == 0) return 0;
  double covariance = a * d - b * c;
  if (covariance > 0) covariance = std::max(0.0, covariance - (a + b + c + d) / 2);
  return covariance / std::sqrt(product);
}

}  // namespace

Interval WilsonInterval(int64_t num_hits, int64_t num_trials) {
  if (num_trials == 0) return {0, 1};
  const auto n = static_cast<double>(num_trials);
  const double share = static_cast<double>(num_hits) / n;
  const double scale = 1 / (1 + kZ * kZ / n);
  const double centre = scale * (share + kZ * kZ / (2 * n));
  const double half = scale * kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  // Rounding could pass the ends, and the share itself, by a bit.
  return {std::clamp(centre - half, 0.0, share), std::clamp(centre + half, share, 1.0)};
}

double PairedChange(const PairedCounts& counts) {
  if (counts.total() == 0) return 0;
  return static_cast<double>(counts.only_this - counts.only_reference) / static_cast<double>(counts.total());
}

Interval PairedChangeInterval(const PairedCounts& counts) {
  if (counts.total() == 0) return {-1, 1};
  const auto n = static_cast<double>(counts.total());
  const double own = static_cast<double>(counts.both + counts.only_this) / n;
  const double other = static_cast<double>(counts.both + counts.only_reference) / n;
  const Interval of_own = WilsonInterval(counts.both + counts.only_this, counts.total());
  const Interval of_other = WilsonInterval(counts.both + counts.only_reference, counts.total());
  const double correlation = Correlation(counts);
  const auto distance = [correlation](double x, double y) {
    return std::sqrt(std::max(0.0, Square(x) - 2 * correlation * x * y + Square(y)));
  };
  const double change = PairedChange(counts);
  return {std::max(-1.0, change - distance(own - of_own.low, of_other.high - other)),
          std::min(1.0, change + distance(of_own.high - own, other - of_other.low))};
}

}  // namespace foregate
