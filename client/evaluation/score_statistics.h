// The intervals that a share of right answers, and the change of one, are given with. Pure.
#ifndef FOREGATE_CLIENT_EVALUATION_SCORE_STATISTICS_H_
#define FOREGATE_CLIENT_EVALUATION_SCORE_STATISTICS_H_

#include <cstdint>

namespace foregate {

struct Interval {
  double low = 0;
  double high = 0;
};

// The 95 % interval of a share by Wilson's score: it neither leaves [0, 1] nor shrinks to a point at its ends.
// [0, 1] of nothing.
Interval WilsonInterval(int64_t num_hits, int64_t num_trials);

// The same tasks asked of two models.
struct PairedCounts {
  int64_t both = 0;  // answered exactly by both
  int64_t only_reference = 0;
  int64_t only_this = 0;
  int64_t neither = 0;

  int64_t total() const { return both + only_reference + only_this + neither; }
};

// Share of this less share of the reference, in [-1, 1]; 0 of nothing.
double PairedChange(const PairedCounts& counts);

// Its 95 % interval by Newcombe's score method for paired data (1998, his method 10): the Wilson intervals of both
// shares, put together by their correlation. Unlike the normal interval of McNemar's test it says something when no
// answer changed. [-1, 1] of nothing.
Interval PairedChangeInterval(const PairedCounts& counts);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_SCORE_STATISTICS_H_
