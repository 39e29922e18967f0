// What one task of attention works on: rows of one sequence that follow each other in the step, one key-value head, and
// the buffers in which their softmax grows span by span.
#ifndef FOREGATE_KERNELS_CPU_ATTENTION_RUN_H_
#define FOREGATE_KERNELS_CPU_ATTENTION_RUN_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/api/kernels.h"
#include "kernels/base/check.h"

namespace foregate::internal {

// Positions [begin, end) of a sequence.
struct Positions {
  int32_t begin = 0;
  int32_t end = 0;
  bool empty() const { return begin >= end; }
  int32_t size() const { return end - begin; }
  bool Has(int32_t position) const { return begin <= position && position < end; }
  bool operator==(const Positions& other) const = default;
};
inline Positions Intersect(Positions a, Positions b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

// Kept by its thread; grows to the largest task and stays.
struct AttentionScratch {
  std::vector<float> scores;    // [query rows, kAttentionSpan]
  std::vector<float> weighted;  // [query rows, D], of one span
  std::vector<float> totals;    // [query rows, D]
  std::vector<float> maxima;    // [query rows]
  std::vector<float> sums;      // [query rows]
  std::vector<float> span_maxima, span_sums;
  std::vector<int32_t> q_rows;  // of the query rows, in units of D
  // f32: panels of 16 positions of a span, and what is read after them.
  std::vector<const float*> key_panels, value_panels, next_panels;
  // Pairs of bf16 in the place of an f32: queries [query rows, D / 2], and scores as the values' kernel reads them
  // [query rows, kAttentionSpan / 2].
  std::vector<float> query_pairs, score_pairs;
  std::vector<int32_t> pair_rows;  // 0, 1, ..
  // bf16: panels that are not read where they lie.
  std::vector<uint16_t> copied_panels;
};

class AttentionRun {
 public:
  AttentionRun(const PagedAttentionArgs& args, int64_t first_row, int64_t num_rows, int64_t kv_head,
               AttentionScratch& scratch)
      : args_(args),
        index_(args.kv.index()),
        first_row_(first_row),
        num_rows_(num_rows),
        kv_head_(kv_head),
        heads_(args.q.dim(1) / index_.num_heads),
        scratch_(scratch) {
    const int32_t sequence = args_.row_sequences.as<const int32_t>()[first_row_];
    FOREGATE_CHECK(sequence >= 0 && sequence < args_.block_tables.dim(0));
    table_ = args_.block_tables.as<const int32_t>() + sequence * args_.block_tables.dim(1);
    all_ = {std::numeric_limits<int32_t>::max(), 0};
    for (int64_t row = 0; row < num_rows_; ++row) {
      const Positions visible = Visible(row);
      FOREGATE_CHECK(visible.end > 0 && (visible.end - 1) / index_.block_size < args_.block_tables.dim(1));
      all_ = {std::min(all_.begin, visible.begin), std::max(all_.end, visible.end)};
    }
    Reserve();
  }

  const KvIndex& index() const { return index_; }
  const PagedKvView& kv() const { return args_.kv; }
  AttentionScratch& scratch() const { return scratch_; }
  int64_t num_rows() const { return num_rows_; }
  int64_t heads() const { return heads_; }  // query heads per key-value head
  int64_t kv_head() const { return kv_head_; }
  // Query rows are ordered by row, then by head.
  int64_t num_query_rows() const { return num_rows_ * heads_; }
  const float* q() const { return args_.q.as<const float>(); }
  // In units of D from the start of q and of the output.
  int64_t QueryRow(int64_t i) const {
    return (first_row_ + i / heads_) * args_.q.dim(1) + kv_head_ * heads_ + i % heads_;
  }

  // What row `row` of the run sees, and what any of them sees.
  Positions Visible(int64_t row) const {
    const int32_t position = args_.positions.as<const int32_t>()[first_row_ + row];
    return {args_.window == 0 ? 0 : std::max(0, position - args_.window + 1), position + 1};
  }
  Positions visible_to_any() const { return all_; }
  // The aligned pieces of `step` positions of a span's visible positions `seen` that every row sees.
  Positions VisibleToAll(Positions seen, int32_t step) const {
    Positions all = seen;
    for (int64_t row = 0; row < num_rows_; ++row) all = Intersect(all, Visible(row));
    const Positions whole = {(all.begin + step - 1) / step * step, all.end / step * step};
    return all.empty() || whole.empty() ? Positions{seen.begin, seen.begin} : whole;
  }
  // Calls body(first query row, number of query rows, positions) for rows in turn that see the same of `positions`.
  template <typename Body>
  void ForEqualRows(Positions positions, const Body& body) const {
    for (int64_t row = 0; row < num_rows_;) {
      const Positions seen = Intersect(positions, Visible(row));
      int64_t end = row + 1;
      while (end < num_rows_ && Intersect(positions, Visible(end)) == seen) ++end;
      if (!seen.empty()) body(row * heads_, (end - row) * heads_, seen);
      row = end;
    }
  }

  // Slot of a position, and the first element of the run's key-value head in the block that holds it.
  int64_t Slot(int32_t position) const { return Block(position) * index_.block_size + position % index_.block_size; }
  int64_t HeadOfBlock(int32_t position) const { return index_.Block(Block(position), kv_head_); }

  // Of a query row, for the span that begins at `span_begin`, the score of `position`.
  float* Scores(int64_t query_row, int32_t span_begin, int32_t position) const {
    return scratch_.scores.data() + query_row * kAttentionSpan + (position - span_begin);
  }
  float* Weighted(int64_t query_row) const { return scratch_.weighted.data() + query_row * index_.head_dim; }

 private:
  int64_t Block(int32_t position) const {
    const int64_t block = table_[position / index_.block_size];
    FOREGATE_CHECK(block >= 0 && block * index_.block_size < args_.kv.keys.dim(0));
    return block;
  }

  void Reserve() {
    const auto rows = static_cast<size_t>(num_query_rows());
    const auto values = rows * static_cast<size_t>(index_.head_dim);
    scratch_.scores.resize(rows * kAttentionSpan);
    scratch_.weighted.resize(values);
    scratch_.totals.assign(values, 0.0f);
    scratch_.maxima.assign(rows, -std::numeric_limits<float>::infinity());
    scratch_.sums.assign(rows, 0.0f);
    scratch_.span_maxima.resize(rows);
    scratch_.span_sums.resize(rows);
    scratch_.q_rows.resize(rows);
    for (size_t i = 0; i < rows; ++i) scratch_.q_rows[i] = static_cast<int32_t>(QueryRow(static_cast<int64_t>(i)));
  }

  const PagedAttentionArgs& args_;
  const KvIndex index_;
  const int64_t first_row_;
  const int64_t num_rows_;
  const int64_t kv_head_;
  const int64_t heads_;
  AttentionScratch& scratch_;
  const int32_t* table_ = nullptr;
  Positions all_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_ATTENTION_RUN_H_
