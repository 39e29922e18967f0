// Attention's two products over a span of positions with bf16 keys and values (docs/adr/0019): products with bf16
// panels in the arithmetic that the table of instructions has for those, which is AMX tiles where there are some.
//
// Values count in chunks of kBf16ValueChunk positions. Of a chunk that a row sees in part, or that does not lie in one
// piece, a copy is made with zeros for what the row does not see.
#ifndef FOREGATE_KERNELS_CPU_BF16_SPANS_H_
#define FOREGATE_KERNELS_CPU_BF16_SPANS_H_

#include <cstdint>

#include "kernels/cpu/attention_run.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/pair_spans.h"

namespace foregate::internal {

class Bf16Spans {
 public:
  Bf16Spans(const IsaTable& isa, const AttentionRun& run) : isa_(isa), run_(run), pairs_(isa, run) {}

  // As F32Spans has them. AddValues may overwrite scores that a row does not see.
  void Score(int32_t span_begin, Positions positions) const;
  void AddValues(int32_t span_begin, Positions positions) const;

 private:
  // Panels of keys that lie one behind the other.
  void ScorePanels(const uint16_t* panels, int64_t num_positions, float* scores) const;
  // The panels of a block's keys, or a copy of one that is not packed; the position after it.
  int32_t ScoreBlock(int32_t span_begin, int32_t first, int32_t end) const;
  // Adds `count` positions of value panels, `panel_stride` elements apart, to some query rows.
  void AddPanels(const uint16_t* panels, int64_t panel_stride, int64_t count, const float* probabilities,
                 int64_t first_query_row, int64_t num_query_rows) const;
  // Whole chunks that all rows see, where they lie.
  void AddChunks(int32_t span_begin, Positions positions) const;
  // One chunk by way of a copy.
  void AddCopiedChunk(int32_t span_begin, int32_t chunk, Positions seen_by_any) const;
  // The values of two neighbours into the chunk's panels, zeros for one that is not among `seen`.
  void CopyPair(int32_t pair, Positions seen, uint16_t* to) const;

  const IsaTable& isa_;
  const AttentionRun& run_;
  const PairSpans pairs_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_BF16_SPANS_H_
