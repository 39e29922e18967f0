#include "kernels/cpu/cpu_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"

namespace foregate::internal {
namespace {

// Query rows (rows of the step times the query heads that share a key-value head) that one task takes through a span:
// enough to use each key several times from the cache, few enough that their scores stay there (32 KiB).
constexpr int64_t kMaxQueryRows = 32;

// Panels that score_keys is told of beyond those that it scores.
constexpr int32_t kPanelsAhead = 4;

// Rows of one sequence that follow each other in the step.
struct RowRun {
  int64_t first_row;
  int64_t num_rows;
};

// What a task writes to, kept by its thread.
struct Scratch {
  std::vector<float> scores;    // [query rows, kAttentionSpan]
  std::vector<float> weighted;  // [query rows, D], of one span
  std::vector<float> totals;    // [query rows, D]
  std::vector<float> maxima;    // [query rows]
  std::vector<float> sums;      // [query rows]
  std::vector<float> span_maxima, span_sums;
  std::vector<int32_t> q_rows;  // of the query rows, in units of D
  // Panels of 16 positions of a span, and what is read after them.
  std::vector<const float*> key_panels, value_panels, next_panels;

  void Reserve(int64_t query_rows, int64_t head_dim) {
    const auto rows = static_cast<size_t>(query_rows);
    const auto values = rows * static_cast<size_t>(head_dim);
    scores.resize(rows * kAttentionSpan);
    weighted.resize(values);
    totals.assign(values, 0.0f);
    maxima.assign(rows, -std::numeric_limits<float>::infinity());
    sums.assign(rows, 0.0f);
    span_maxima.resize(rows);
    span_sums.resize(rows);
    q_rows.resize(rows);
    constexpr size_t kPanelsOfSpan = kAttentionSpan / kPanelOutputs;
    key_panels.reserve(kPanelsOfSpan + kPanelsAhead);
    value_panels.reserve(kPanelsOfSpan);
    next_panels.reserve(kPanelsOfSpan);
  }
};

// Positions [begin, end).
struct Range {
  int32_t begin = 0;
  int32_t end = 0;
  bool empty() const { return begin >= end; }
  bool operator==(const Range& other) const = default;
};
Range Intersect(Range a, Range b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

// One run of rows and one key-value head: every key and value is read once for all query rows.
class Task {
 public:
  Task(const Compute& compute, const PagedAttentionArgs& args, RowRun run, int64_t kv_head, Scratch& scratch)
      : compute_(compute),
        args_(args),
        run_(run),
        kv_head_(kv_head),
        index_(args.kv.index()),
        heads_(args.q.dim(1) / index_.num_heads),
        query_rows_(run.num_rows * heads_),
        scratch_(scratch) {
    const int32_t sequence = args_.row_sequences.as<const int32_t>()[run_.first_row];
    FOREGATE_CHECK(sequence >= 0 && sequence < args_.block_tables.dim(0));
    table_ = args_.block_tables.as<const int32_t>() + sequence * args_.block_tables.dim(1);
    scratch_.Reserve(query_rows_, index_.head_dim);
    for (int64_t i = 0; i < query_rows_; ++i)
      scratch_.q_rows[static_cast<size_t>(i)] = static_cast<int32_t>(QueryRow(i));
  }

  void Run() {
    int32_t first = std::numeric_limits<int32_t>::max();
    int32_t last = 0;
    for (int64_t row = 0; row < run_.num_rows; ++row) {
      const Range visible = Visible(row);
      FOREGATE_CHECK(visible.end > 0 && (visible.end - 1) / index_.block_size < args_.block_tables.dim(1));
      first = std::min(first, visible.begin);
      last = std::max(last, visible.end - 1);
    }
    last_position_ = last;
    for (int32_t span = first / kAttentionSpan; span <= last / kAttentionSpan; ++span) AddSpan(span * kAttentionSpan);
    for (int64_t i = 0; i < query_rows_; ++i) {
      float* out = args_.out.as<float>() + QueryRow(i) * index_.head_dim;
      const float* total = scratch_.totals.data() + i * index_.head_dim;
      const float sum = scratch_.sums[static_cast<size_t>(i)];
      for (int64_t d = 0; d < index_.head_dim; ++d) out[d] = total[d] / sum;
    }
  }

 private:
  // Query rows are ordered by row, then by head.
  int64_t QueryRow(int64_t i) const {
    return (run_.first_row + i / heads_) * args_.q.dim(1) + kv_head_ * heads_ + i % heads_;
  }
  Range Visible(int64_t row) const {
    const int32_t position = args_.positions.as<const int32_t>()[run_.first_row + row];
    return {args_.window == 0 ? 0 : std::max(0, position - args_.window + 1), position + 1};
  }
  Range VisibleInSpan(int64_t row, int32_t span_begin) const {
    return Intersect(Visible(row), {span_begin, span_begin + kAttentionSpan});
  }
  // Start of the key-value head inside the block that holds `position`.
  int64_t BlockAt(int32_t position) const {
    const int64_t block = table_[position / index_.block_size];
    FOREGATE_CHECK(block >= 0 && block * index_.block_size < args_.kv.keys.dim(0));
    return index_.Block(block, kv_head_);
  }

  void AddSpan(int32_t begin) {
    Range all = {begin + kAttentionSpan, begin};
    for (int64_t row = 0; row < run_.num_rows; ++row) {
      const Range visible = VisibleInSpan(row, begin);
      if (visible.empty()) continue;
      all = {std::min(all.begin, visible.begin), std::max(all.end, visible.end)};
    }
    if (all.empty()) return;
    if (index_.has_packed_panels()) {
      ScoreSpan(begin, all);
    } else {
      ForPanels(all, [&](Range positions) { Score(begin, positions); });
    }
    for (int64_t i = 0; i < query_rows_; ++i) {
      const Range visible = VisibleInSpan(i / heads_, begin);
      if (visible.empty()) continue;
      float* weighted = scratch_.weighted.data() + i * index_.head_dim;
      std::fill(weighted, weighted + index_.head_dim, 0.0f);
      const auto at = static_cast<size_t>(i);
      scratch_.span_sums[at] = compute_.isa->softmax_numerators(
          ScoresOf(i) + (visible.begin - begin), visible.end - visible.begin, args_.scale, &scratch_.span_maxima[at]);
    }
    const Range common = index_.has_packed_panels() ? SeenByAll(all) : Range{all.begin, all.begin};
    ForPanels({all.begin, common.begin}, [&](Range positions) { AddValues(begin, positions); });
    AddCommonValues(begin, common);
    ForPanels({common.end, all.end}, [&](Range positions) { AddValues(begin, positions); });
    for (int64_t i = 0; i < query_rows_; ++i) {
      if (!VisibleInSpan(i / heads_, begin).empty()) Merge(i);
    }
  }

  // Calls body(positions) for the parts of `range` that lie in one panel of keys.
  template <typename Body>
  void ForPanels(Range range, const Body& body) const {
    const auto panel = static_cast<int32_t>(index_.key_panel());
    for (int32_t position = range.begin; position < range.end;) {
      const int32_t end = std::min(range.end, (position / panel + 1) * panel);
      body({position, end});
      position = end;
    }
  }

  float* ScoresOf(int64_t query_row) { return scratch_.scores.data() + query_row * kAttentionSpan; }

  // The whole panels of a span's visible positions `all` that every row sees.
  Range SeenByAll(Range all) const {
    constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);
    const Range seen = all;
    for (int64_t row = 0; row < run_.num_rows; ++row) all = Intersect(all, Visible(row));
    const Range whole = {(all.begin + kPanel - 1) / kPanel * kPanel, all.end / kPanel * kPanel};
    return all.empty() || whole.empty() ? Range{seen.begin, seen.begin} : whole;
  }

  // Where the panel of 16 positions that starts at `position` lies.
  const float* KeyPanel(int32_t position) const {
    return args_.kv.keys.as<const float>() + BlockAt(position) + position % index_.block_size * index_.head_dim;
  }
  const float* ValuePanel(int32_t position) const {
    return args_.kv.values.as<const float>() + BlockAt(position) + position % index_.block_size * kPanelOutputs;
  }

  // Scores of all query rows with a span's keys, also where a row does not see them.
  void ScoreSpan(int32_t span_begin, Range positions) {
    constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);
    const int32_t first = positions.begin / kPanel * kPanel;
    std::vector<const float*>& panels = scratch_.key_panels;
    panels.clear();
    for (int32_t position = first; position < positions.end; position += kPanel) panels.push_back(KeyPanel(position));
    const size_t num_panels = panels.size();
    // The values come next.
    for (int32_t i = 0; i < kPanelsAhead; ++i)
      panels.push_back(ValuePanel(std::min(first + i * kPanel, positions.end - 1)));
    compute_.isa->score_keys({.q = args_.q.as<const float>(),
                              .q_rows = scratch_.q_rows.data(),
                              .num_rows = query_rows_,
                              .head_dim = index_.head_dim,
                              .panels = panels.data(),
                              .num_panels = static_cast<int64_t>(num_panels),
                              .out = ScoresOf(0) + (first - span_begin),
                              .out_stride = kAttentionSpan});
  }

  // Adds the values of positions that all rows see, in whole panels.
  void AddCommonValues(int32_t span_begin, Range positions) {
    if (positions.empty()) return;
    constexpr auto kPanel = static_cast<int32_t>(kPanelOutputs);
    scratch_.value_panels.clear();
    scratch_.next_panels.clear();
    for (int32_t position = positions.begin; position < positions.end; position += kPanel) {
      scratch_.value_panels.push_back(ValuePanel(position));
      // The keys of the next span come next.
      const int32_t after = position + kAttentionSpan;
      scratch_.next_panels.push_back(after <= last_position_ ? KeyPanel(after) : scratch_.value_panels.back());
    }
    compute_.isa->add_values({.x = ScoresOf(0) + (positions.begin - span_begin),
                              .x_stride = kAttentionSpan,
                              .num_rows = query_rows_,
                              .head_dim = index_.head_dim,
                              .panels = scratch_.value_panels.data(),
                              .next = scratch_.next_panels.data(),
                              .num_panels = static_cast<int64_t>(scratch_.value_panels.size()),
                              .panel_stride = index_.block_size * kPanelOutputs,
                              .out = scratch_.weighted.data(),
                              .out_stride = index_.head_dim});
  }

  // Scores of all query rows with a panel of keys of any shape.
  void Score(int32_t span_begin, Range positions) {
    const int64_t panel = index_.key_panel();
    const int32_t first = positions.begin / static_cast<int32_t>(panel) * static_cast<int32_t>(panel);
    const int64_t offset = first % index_.block_size;
    const float* keys = args_.kv.keys.as<const float>() + BlockAt(first) + offset * index_.head_dim;
    const float* q = args_.q.as<const float>();
    float* out = ScoresOf(0) + (first - span_begin);
    for (int64_t i = 0; i < query_rows_; ++i) {
      const float* row = q + QueryRow(i) * index_.head_dim;
      for (int64_t p = positions.begin - first; p < positions.end - first; ++p) {
        out[i * kAttentionSpan + p] = ChainDot(
            row, [&](int64_t d) { return keys[d * panel + p]; }, index_.head_dim);
      }
    }
  }

  // Adds the values of a panel's positions to the query rows that see them. Rows that see the same ones go together;
  // a position that a row does not see is not touched, for its value may be anything.
  void AddValues(int32_t span_begin, Range positions) {
    for (int64_t row = 0; row < run_.num_rows;) {
      const Range seen = Intersect(positions, Visible(row));
      int64_t end = row + 1;
      while (end < run_.num_rows && Intersect(positions, Visible(end)) == seen) ++end;
      if (!seen.empty()) AddValues(span_begin, seen, row * heads_, (end - row) * heads_);
      row = end;
    }
  }

  void AddValues(int32_t span_begin, Range positions, int64_t first_query_row, int64_t num_query_rows) {
    const int64_t panel = index_.value_panel();
    const int64_t offset = positions.begin % index_.block_size;
    const float* values = args_.kv.values.as<const float>() + BlockAt(positions.begin) + offset * panel;
    const float* probabilities = ScoresOf(first_query_row) + (positions.begin - span_begin);
    float* out = scratch_.weighted.data() + first_query_row * index_.head_dim;
    const int64_t count = positions.end - positions.begin;
    if (index_.has_packed_panels()) {
      compute_.isa->float_panels[0]({.x = probabilities,
                                     .x_stride = kAttentionSpan,
                                     .x_rows = nullptr,
                                     .num_rows = num_query_rows,
                                     .k_end = count,
                                     .panels = values,
                                     .panel_stride = static_cast<size_t>(index_.block_size * panel) * sizeof(float),
                                     .num_outputs = index_.head_dim,
                                     .out = out,
                                     .out_stride = index_.head_dim,
                                     .accumulate = true});
      return;
    }
    for (int64_t i = 0; i < num_query_rows; ++i) {
      for (int64_t p = 0; p < count; ++p) {
        for (int64_t d = 0; d < index_.head_dim; ++d) {
          float& sum = out[i * index_.head_dim + d];
          const float value = values[d / panel * index_.block_size * panel + p * panel + d % panel];
          sum = std::fma(probabilities[i * kAttentionSpan + p], value, sum);
        }
      }
    }
  }

  void Merge(int64_t query_row) {
    const auto i = static_cast<size_t>(query_row);
    const float span_maximum = scratch_.span_maxima[i];
    float& total_maximum = scratch_.maxima[i];
    float& total_sum = scratch_.sums[i];
    const float maximum = MaxOf(total_maximum, span_maximum);
    const float old_scale = Exp(total_maximum - maximum);
    const float new_scale = Exp(span_maximum - maximum);
    total_maximum = maximum;
    total_sum = std::fma(scratch_.span_sums[i], new_scale, total_sum * old_scale);
    const int64_t at = query_row * index_.head_dim;
    compute_.isa->merge_row(scratch_.weighted.data() + at, new_scale, old_scale, scratch_.totals.data() + at,
                            index_.head_dim);
  }

  const Compute& compute_;
  const PagedAttentionArgs& args_;
  const RowRun run_;
  const int64_t kv_head_;
  const KvIndex index_;
  const int64_t heads_;  // query heads per key-value head
  const int64_t query_rows_;
  Scratch& scratch_;
  const int32_t* table_ = nullptr;
  int32_t last_position_ = 0;
};

}  // namespace

void CpuWriteKv(const WriteKvArgs& args) {
  const KvIndex index = args.kv.index();
  const int64_t key_step = index.key_panel();
  const int64_t value_panel = index.value_panel();
  for (int64_t t = 0; t < args.slots.dim(0); ++t) {
    const int64_t slot = args.slots.as<const int32_t>()[t];
    FOREGATE_CHECK(slot >= 0 && slot < args.kv.keys.dim(0));
    for (int64_t head = 0; head < index.num_heads; ++head) {
      const int64_t from = (t * index.num_heads + head) * index.head_dim;
      const float* key = args.keys.as<const float>() + from;
      float* key_to = args.kv.keys.as<float>() + index.Key(slot, head, 0);
      for (int64_t d = 0; d < index.head_dim; ++d) key_to[d * key_step] = key[d];
      for (int64_t d = 0; d < index.head_dim; d += value_panel) {
        std::copy_n(args.values.as<const float>() + from + d, value_panel,
                    args.kv.values.as<float>() + index.Value(slot, head, d));
      }
    }
  }
}

void CpuPagedAttention(const Compute& compute, const PagedAttentionArgs& args) {
  const int64_t num_rows = args.q.dim(0);
  const int64_t num_kv_heads = args.kv.keys.dim(1);
  const int64_t heads = args.q.dim(1) / num_kv_heads;
  const int64_t max_rows = std::max<int64_t>(1, kMaxQueryRows / heads);
  const int32_t* sequences = args.row_sequences.as<const int32_t>();
  thread_local std::vector<RowRun> runs;
  runs.clear();
  int64_t num_positions = 0;
  for (int64_t row = 0; row < num_rows; ++row) {
    num_positions += args.positions.as<const int32_t>()[row] + 1;
    const bool continues = !runs.empty() && runs.back().num_rows < max_rows && sequences[row] == sequences[row - 1];
    if (continues) {
      ++runs.back().num_rows;
    } else {
      runs.push_back({row, 1});
    }
  }
  const std::vector<RowRun>& all = runs;
  const auto num_runs = static_cast<int64_t>(all.size());
  // Later rows see more: they go first, so that threads end together.
  compute.For(num_runs * num_kv_heads, 2 * num_positions * args.q.dim(1) * args.q.dim(2), [&](int64_t i) {
    thread_local Scratch scratch;
    const int64_t run = num_runs - 1 - i / num_kv_heads;
    Task(compute, args, all[static_cast<size_t>(run)], i % num_kv_heads, scratch).Run();
  });
}

}  // namespace foregate::internal
