// Attention's two products over a span of positions with bf16 keys and values on processors that multiply pairs of
// bf16: the rows are rounded once, and the kernels that walk from block to block (span_kernels.h) take pairs for f32.
// The bits are those of the products with bf16 panels, "bf16.pairs.v1" (kernels/base/bf16_arithmetic.h).
#ifndef FOREGATE_KERNELS_CPU_PAIR_SPANS_H_
#define FOREGATE_KERNELS_CPU_PAIR_SPANS_H_

#include <cstdint>

#include "kernels/cpu/attention_run.h"
#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

class PairSpans {
 public:
  // Rounds the queries where it can serve the run.
  PairSpans(const IsaTable& isa, const AttentionRun& run);

  // Whether the processor has the kernels, and panels of pairs lie in one piece.
  bool serves() const { return serves_; }
  // As F32Spans::Score.
  void Score(int32_t span_begin, Positions positions) const;
  // Adds whole chunks of kBf16ValueChunk positions, which every row sees.
  void AddChunks(int32_t span_begin, Positions positions) const;

 private:
  // Panels of 16 positions, and of 16 dimensions of a chunk: lines of 16 pairs.
  const float* KeyPanel(int32_t position) const;
  const float* ValuePanel(int32_t position) const;

  const IsaTable& isa_;
  const AttentionRun& run_;
  const bool serves_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PAIR_SPANS_H_
