// SequenceWants: what each sequence's next token wants, learned from the routing of its own last tokens.
//
// Each sequence keeps the share of its recent tokens that chose an expert (an average that halves in 22 tokens, begun
// at the share over all sequences). How much such a share of its own says beyond that of all is learned, too: with x
// what a token chose, c the sequence's share and g that of all, the least squares of (x - g) on (c - g). That slope is
// the same for all; the chance is
//
//   p = g + slope * (c - g)
//
// Where sequences do not differ (even routing) the slope goes to 0 and everybody's chance is that of all: then no
// grouping can find a reason. 2 bytes per sequence and expert, 4 per expert. Thread-compatible; after a sequence's
// Begin nothing allocates.
#ifndef FOREGATE_ENGINE_SCHEDULE_SEQUENCE_WANTS_H_
#define FOREGATE_ENGINE_SCHEDULE_SEQUENCE_WANTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace foregate {

// Of one sequence; its samples copy it when they fork.
struct SequenceShares {
  std::vector<uint16_t> of_expert;  // [layers, experts], 65536ths; empty: not begun
};

class SequenceWants {
 public:
  SequenceWants(size_t num_layers, size_t num_experts);

  // The share over all sequences: nothing is known of this one.
  void Begin(SequenceShares* shares) const;
  // One token's choice in one layer: `chosen` [top_k] within the layer, distinct.
  void Observe(size_t layer_index, std::span<const int32_t> chosen, SequenceShares* shares);

  // chances: [layers, experts] that the next token wants each of them.
  void Chances(const SequenceShares& shares, std::span<float> chances) const;
  float slope() const;

 private:
  const size_t experts_per_layer_;
  std::vector<float> all_;          // [layers, experts]: the share over all sequences
  std::vector<uint64_t> num_rows_;  // [layers] seen
  double product_sum_ = 0;          // of (x - g) (c - g)
  double square_sum_ = 0;           // of (c - g)^2
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_SCHEDULE_SEQUENCE_WANTS_H_
