// ExpertUsage: how likely each expert is wanted the next time its layer runs, learned online from routing alone.
//
// Two facts per expert: the share of recent rows that chose it (an average that halves in 22 rows), and how many visits
// of its layer ago it was last chosen. Routing repeats itself (a quarter to two fifths of a token's experts were also
// its predecessor's), and its chance falls about as 1/age; so
//
//   share + 1 / (4 age) + (mean share of the layer) / 12
//
// is expected at first. How far off that is, on average, is learned by age and share, over all layers (models differ:
// with some the last token's experts come back half of the time), and corrects it: that is the probability.
//
// The constants were chosen on other traces than those they are judged on (docs/benchmarks.md); results are flat around
// them. Thread-compatible; nothing allocates after the constructor. 8 bytes per expert.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_USAGE_H_
#define FOREGATE_ENGINE_MOE_EXPERT_USAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

class ExpertUsage {
 public:
  ExpertUsage(int32_t num_layers, int32_t num_experts);

  // One layer ran with `num_rows` > 0 rows, which chose `experts` ([rows, top_k] in any order). O(experts of the
  // layer). Call it once the choice is known, before experts are evicted for it.
  void Visit(int32_t layer_index, size_t num_rows, std::span<const int32_t> experts);

  // That the next visit of the layer wants the expert: in [0, 1].
  float probability(int32_t layer_index, int32_t expert) const;
  // The share of recent rows that chose it: frequency alone, decayed.
  float share(int32_t layer_index, int32_t expert) const;

 private:
  struct Layer {
    uint32_t num_visits = 0;
    uint64_t num_rows = 0;
    float mean_share = 0;
  };
  struct Expert {
    float share = 0;
    uint32_t last_visit = 0;  // counted from 1; 0: never
  };
  // What experts of one age and share were chosen more often than the formula says.
  struct Cell {
    float error_sum = 0;
    uint32_t num_seen = 0;
  };
  static constexpr size_t kNumAges = 9;    // never, 1, 2 to 3, 4 to 7, ..., 128 and more
  static constexpr size_t kNumShares = 7;  // under a quarter of the layer's mean, then by doublings
  void Learn(const Layer& layer, const Expert* of_layer);
  static size_t CellOf(const Layer& layer, const Expert& expert);
  static float Expected(const Layer& layer, const Expert& expert);
  size_t index(int32_t layer_index, int32_t expert) const;

  const int32_t num_experts_;
  std::vector<Layer> layers_;
  std::vector<Expert> experts_;  // [layers, experts]
  std::vector<float> chosen_;    // [experts]: the share of the visit's rows
  std::array<Cell, kNumAges* kNumShares> cells_ = {};
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_USAGE_H_
