#include "kernels/cpu/cpu_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"
#include "kernels/cpu/attention_run.h"
#include "kernels/cpu/bf16_spans.h"
#include "kernels/cpu/f32_spans.h"

namespace foregate::internal {
namespace {

// Query rows (rows of the step times the query heads that share a key-value head) that one task takes through a span:
// enough to use each key several times from the cache, few enough that their scores stay there (32 KiB).
constexpr int64_t kMaxQueryRows = 32;

// Exp(a - b). One of two maxima is the larger, whose exponential need not be computed: Exp(0) is 1.
float ExpOfDifference(float a, float b) {
  const float difference = a - b;
  return difference == 0.0f ? 1.0f : Exp(difference);
}

// Rows of one sequence that follow each other in the step.
struct RowRun {
  int64_t first_row;
  int64_t num_rows;
};

// The softmax of one run of rows over the spans that they see: every key and value is read once for all query rows.
template <typename Spans>
class SpanSoftmax {
 public:
  SpanSoftmax(const IsaTable& isa, const PagedAttentionArgs& args, const AttentionRun& run)
      : isa_(isa), args_(args), run_(run), spans_(isa, run), scratch_(run.scratch()) {}

  void Run() {
    const Positions all = run_.visible_to_any();
    for (int32_t span = all.begin / kAttentionSpan; span <= (all.end - 1) / kAttentionSpan; ++span) {
      AddSpan(span * kAttentionSpan);
    }
    const int64_t head_dim = run_.index().head_dim;
    for (int64_t i = 0; i < run_.num_query_rows(); ++i) {
      float* out = args_.out.as<float>() + run_.QueryRow(i) * head_dim;
      const float* total = scratch_.totals.data() + i * head_dim;
      const float sum = scratch_.sums[static_cast<size_t>(i)];
      for (int64_t d = 0; d < head_dim; ++d) out[d] = total[d] / sum;
    }
  }

 private:
  Positions VisibleInSpan(int64_t query_row, int32_t begin) const {
    return Intersect(run_.Visible(query_row / run_.heads()), {begin, begin + kAttentionSpan});
  }

  void AddSpan(int32_t begin) {
    Positions all = {begin + kAttentionSpan, begin};
    for (int64_t i = 0; i < run_.num_query_rows(); i += run_.heads()) {
      const Positions visible = VisibleInSpan(i, begin);
      if (visible.empty()) continue;
      all = {std::min(all.begin, visible.begin), std::max(all.end, visible.end)};
    }
    if (all.empty()) return;
    spans_.Score(begin, all);
    for (int64_t i = 0; i < run_.num_query_rows(); ++i) {
      const Positions visible = VisibleInSpan(i, begin);
      if (visible.empty()) continue;
      std::fill_n(run_.Weighted(i), run_.index().head_dim, 0.0f);
      const auto at = static_cast<size_t>(i);
      scratch_.span_sums[at] = isa_.softmax_numerators(run_.Scores(i, begin, visible.begin), visible.size(),
                                                       args_.scale, &scratch_.span_maxima[at]);
    }
    spans_.AddValues(begin, all);
    for (int64_t i = 0; i < run_.num_query_rows(); ++i) {
      if (!VisibleInSpan(i, begin).empty()) Merge(i);
    }
  }

  void Merge(int64_t query_row) {
    const auto i = static_cast<size_t>(query_row);
    const float span_maximum = scratch_.span_maxima[i];
    float& total_maximum = scratch_.maxima[i];
    float& total_sum = scratch_.sums[i];
    const float maximum = MaxOf(total_maximum, span_maximum);
    const float old_scale = ExpOfDifference(total_maximum, maximum);
    const float new_scale = ExpOfDifference(span_maximum, maximum);
    total_maximum = maximum;
    total_sum = std::fma(scratch_.span_sums[i], new_scale, total_sum * old_scale);
    const int64_t head_dim = run_.index().head_dim;
    isa_.merge_row(run_.Weighted(query_row), new_scale, old_scale, scratch_.totals.data() + query_row * head_dim,
                   head_dim);
  }

  const IsaTable& isa_;
  const PagedAttentionArgs& args_;
  const AttentionRun& run_;
  const Spans spans_;
  AttentionScratch& scratch_;
};

void WriteF32(const WriteKvArgs& args, int64_t row, int64_t slot, int64_t head) {
  const KvIndex index = args.kv.index();
  const int64_t from = (row * index.num_heads + head) * index.head_dim;
  const float* key = args.keys.as<const float>() + from;
  float* key_to = args.kv.keys.as<float>() + index.Key(slot, head, 0);
  const int64_t key_step = index.key_panel();
  for (int64_t d = 0; d < index.head_dim; ++d) key_to[d * key_step] = key[d];
  const int64_t value_panel = index.value_panel();
  for (int64_t d = 0; d < index.head_dim; d += value_panel) {
    std::copy_n(args.values.as<const float>() + from + d, value_panel,
                args.kv.values.as<float>() + index.Value(slot, head, d));
  }
}

void WriteBf16(const WriteKvArgs& args, int64_t row, int64_t slot, int64_t head) {
  const KvIndex index = args.kv.index();
  const int64_t from = (row * index.num_heads + head) * index.head_dim;
  const float* key = args.keys.as<const float>() + from;
  const float* value = args.values.as<const float>() + from;
  auto* keys = args.kv.keys.as<uint16_t>();
  auto* values = args.kv.values.as<uint16_t>();
  if (!index.has_packed_panels()) {
    for (int64_t d = 0; d < index.head_dim; ++d) {
      keys[index.Key(slot, head, d)] = F32ToBf16(key[d]);
      values[index.Value(slot, head, d)] = F32ToBf16(value[d]);
    }
    return;
  }
  keys += index.Key(slot, head, 0);
  for (int64_t d = 0; d < index.head_dim; d += 2, keys += 2 * kPanelOutputs) {
    keys[0] = F32ToBf16(key[d]);
    keys[1] = F32ToBf16(key[d + 1]);
  }
  values += index.Value(slot, head, 0);
  for (int64_t d = 0; d < index.head_dim; d += kPanelOutputs, values += index.block_size * kPanelOutputs) {
    for (int64_t i = 0; i < kPanelOutputs; ++i) values[2 * i] = F32ToBf16(value[d + i]);
  }
}

}  // namespace

void CpuWriteKv(const Compute& compute, const WriteKvArgs& args) {
  const auto write = args.kv.index().is_bf16 ? WriteBf16 : WriteF32;
  // Writes go to as many lines as there are elements, and cost about 8 element operations.
  compute.For(args.slots.dim(0), 2 * args.keys.num_elements() * 8, [&](int64_t row) {
    const int64_t slot = args.slots.as<const int32_t>()[row];
    FOREGATE_CHECK(slot >= 0 && slot < args.kv.keys.dim(0));
    for (int64_t head = 0; head < args.kv.keys.dim(1); ++head) write(args, row, slot, head);
  });
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
    thread_local AttentionScratch scratch;
    const RowRun& rows = all[static_cast<size_t>(num_runs - 1 - i / num_kv_heads)];
    const AttentionRun run(args, rows.first_row, rows.num_rows, i % num_kv_heads, scratch);
    if (run.index().is_bf16) {
      SpanSoftmax<Bf16Spans>(*compute.isa, args, run).Run();
    } else {
      SpanSoftmax<F32Spans>(*compute.isa, args, run).Run();
    }
  });
}

}  // namespace foregate::internal
