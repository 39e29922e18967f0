#include "kernels/cpu/cpu_attention.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"

namespace foregate::internal {
namespace {

// The keys and values of one span of positions for one key-value head, wherever their blocks lie.
struct SpanPointers {
  int64_t count = 0;
  std::array<const float*, kAttentionSpan> keys;
  std::array<const float*, kAttentionSpan> values;
};

// The query heads that share one key-value head, for one row: each span's keys and values are read once for all.
class HeadGroup {
 public:
  HeadGroup(const Compute& compute, const PagedAttentionArgs& args, int64_t row, int64_t kv_head)
      : compute_(compute),
        args_(args),
        row_(row),
        kv_head_(kv_head),
        num_heads_(args.q.dim(1) / args.kv.keys.dim(1)),
        head_dim_(args.q.dim(2)),
        states_(static_cast<size_t>(num_heads_)),
        weighted_(static_cast<size_t>(head_dim_ * (num_heads_ + 1)), 0.0f) {}

  void Run() {
    const int32_t position = args_.positions.as<const int32_t>()[row_];
    const int32_t sequence = args_.row_sequences.as<const int32_t>()[row_];
    FOREGATE_CHECK(position >= 0 && position / args_.kv.block_size < args_.block_tables.dim(1));
    FOREGATE_CHECK(sequence >= 0 && sequence < args_.block_tables.dim(0));
    const int32_t* table = args_.block_tables.as<const int32_t>() + sequence * args_.block_tables.dim(1);
    const int32_t first = args_.window == 0 ? 0 : std::max(0, position - args_.window + 1);
    for (int32_t span = first / kAttentionSpan; span <= position / kAttentionSpan; ++span) {
      const int32_t begin = std::max(first, span * kAttentionSpan);
      const int32_t end = std::min(position, span * kAttentionSpan + (kAttentionSpan - 1)) + 1;
      Collect(table, begin, end);
      for (int64_t head = 0; head < num_heads_; ++head) AddSpan(head);
    }
    for (int64_t head = 0; head < num_heads_; ++head) {
      float* out = args_.out.as<float>() + HeadIndex(head);
      const float* total = Total(head);
      const float sum = states_[static_cast<size_t>(head)].sum;
      for (int64_t d = 0; d < head_dim_; ++d) out[d] = total[d] / sum;
    }
  }

 private:
  struct State {
    float maximum = -std::numeric_limits<float>::infinity();
    float sum = 0;
  };

  int64_t HeadIndex(int64_t head) const { return (row_ * args_.q.dim(1) + kv_head_ * num_heads_ + head) * head_dim_; }
  // Element 0 of `weighted_` is the span's, the others are the heads' totals.
  float* Total(int64_t head) { return weighted_.data() + (head + 1) * head_dim_; }

  void Collect(const int32_t* table, int32_t begin, int32_t end) {
    const int32_t block_size = args_.kv.block_size;
    const int64_t slot_elements = args_.kv.keys.dim(1) * head_dim_;
    span_.count = end - begin;
    for (int32_t position = begin; position < end; ++position) {
      const int64_t slot = static_cast<int64_t>(table[position / block_size]) * block_size + position % block_size;
      FOREGATE_CHECK(slot >= 0 && slot < args_.kv.keys.dim(0));
      const int64_t at = slot * slot_elements + kv_head_ * head_dim_;
      span_.keys[static_cast<size_t>(position - begin)] = args_.kv.keys.as<const float>() + at;
      span_.values[static_cast<size_t>(position - begin)] = args_.kv.values.as<const float>() + at;
    }
  }

  void AddSpan(int64_t head) {
    std::array<float, kAttentionSpan> probabilities;
    AttentionSpan span = {};
    span.q = args_.q.as<const float>() + HeadIndex(head);
    span.keys = span_.keys.data();
    span.values = span_.values.data();
    span.count = span_.count;
    span.head_dim = head_dim_;
    span.scale = args_.scale;
    span.probabilities = probabilities.data();
    span.weighted = weighted_.data();
    compute_.isa->attention_span(span);
    State& state = states_[static_cast<size_t>(head)];
    const float maximum = MaxOf(state.maximum, span.maximum);
    const float old_scale = Exp(state.maximum - maximum);
    const float new_scale = Exp(span.maximum - maximum);
    state.maximum = maximum;
    state.sum = std::fma(span.sum, new_scale, state.sum * old_scale);
    compute_.isa->merge_row(span.weighted, new_scale, old_scale, Total(head), head_dim_);
  }

  const Compute& compute_;
  const PagedAttentionArgs& args_;
  const int64_t row_;
  const int64_t kv_head_;
  const int64_t num_heads_;
  const int64_t head_dim_;
  std::vector<State> states_;
  std::vector<float> weighted_;
  SpanPointers span_;
};

}  // namespace

void CpuPagedAttention(const Compute& compute, const PagedAttentionArgs& args) {
  const int64_t num_rows = args.q.dim(0);
  const int64_t num_kv_heads = args.kv.keys.dim(1);
  int64_t num_positions = 0;
  for (int64_t row = 0; row < num_rows; ++row) num_positions += args.positions.as<const int32_t>()[row] + 1;
  compute.For(num_rows * num_kv_heads, 2 * num_positions * args.q.dim(1) * args.q.dim(2),
              [&](int64_t i) { HeadGroup(compute, args, i / num_kv_heads, i % num_kv_heads).Run(); });
}

}  // namespace foregate::internal
