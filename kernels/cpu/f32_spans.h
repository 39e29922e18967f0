// Attention's two products over a span of positions with f32 keys and values: chains of f32 over ascending dimensions
// and ascending positions.
#ifndef FOREGATE_KERNELS_CPU_F32_SPANS_H_
#define FOREGATE_KERNELS_CPU_F32_SPANS_H_

#include <cstdint>

#include "kernels/cpu/attention_run.h"
#include "kernels/cpu/isa_table.h"

namespace foregate::internal {

class F32Spans {
 public:
  F32Spans(const IsaTable& isa, const AttentionRun& run) : isa_(isa), run_(run) {}

  // Writes the scores of all query rows with `positions` of the span that begins at `span_begin`, also of those that a
  // row does not see.
  void Score(int32_t span_begin, Positions positions) const;
  // Adds to each query row's weighted sum, which is zero, the values of those positions that it sees times what stands
  // in its scores. A value that a row does not see is not touched for it: it may be anything.
  void AddValues(int32_t span_begin, Positions positions) const;

 private:
  // Panels of 16 positions in packed blocks, by the inner kernels that walk from block to block.
  void ScorePanels(int32_t span_begin, Positions positions) const;
  void AddPanels(int32_t span_begin, Positions positions) const;
  const float* KeyPanel(int32_t position) const;
  const float* ValuePanel(int32_t position) const;
  // Positions of one panel of any shape.
  void ScorePart(int32_t span_begin, Positions positions) const;
  void AddPart(int32_t span_begin, Positions positions, int64_t first_query_row, int64_t num_query_rows) const;

  const IsaTable& isa_;
  const AttentionRun& run_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_F32_SPANS_H_
