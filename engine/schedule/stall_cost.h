// StallCost: what computing costs beside reading experts, in bytes that could be read meanwhile, from what the last
// steps waited for theirs. A value of fixed size; nothing allocates.
//
// A byte that is read costs what was waited per byte read, so what computing hides of reading costs nothing. What was
// not waited for is spread over the bytes of weights that were computed with: a decode step passes over each once.
#ifndef FOREGATE_ENGINE_SCHEDULE_STALL_COST_H_
#define FOREGATE_ENGINE_SCHEDULE_STALL_COST_H_

#include <algorithm>
#include <limits>

namespace foregate {

class StallCost {
 public:
  // A step ended that took `seconds`, of which it waited `stalled_seconds` for experts; it read so many bytes of
  // experts and computed with so many bytes of weights.
  void Observe(double seconds, double stalled_seconds, double bytes_read, double bytes_computed) {
    const double stalled = std::clamp(stalled_seconds, 0.0, std::max(seconds, 0.0));
    other_seconds_ += kRate * (std::max(seconds, 0.0) - stalled - other_seconds_);
    stalled_seconds_ += kRate * (stalled - stalled_seconds_);
    bytes_read_ += kRate * (bytes_read - bytes_read_);
    bytes_computed_ += kRate * (bytes_computed - bytes_computed_);
  }

  // Of a byte that is computed with. Infinite while nothing was waited for.
  double compute_cost() const {
    if (!(stalled_seconds_ > 0) || !(bytes_read_ > 0) || !(bytes_computed_ > 0))
      return std::numeric_limits<double>::infinity();
    return other_seconds_ / bytes_computed_ * bytes_read_ / stalled_seconds_;
  }

 private:
  static constexpr double kRate = 1.0 / 16;
  double other_seconds_ = 0;
  double stalled_seconds_ = 0;
  double bytes_read_ = 0;
  double bytes_computed_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_STALL_COST_H_
