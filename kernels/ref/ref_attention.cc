#include "kernels/ref/ref_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/arithmetic.h"
#include "kernels/base/bf16_arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/base/float_types.h"

namespace foregate::internal {
namespace {

// Softmax-weighted values of the positions merged so far.
struct RunningSoftmax {
  explicit RunningSoftmax(int64_t head_dim) : values(static_cast<size_t>(head_dim), 0.0f) {}

  float maximum = -std::numeric_limits<float>::infinity();
  float sum = 0;
  std::vector<float> values;
};

// A span is summed on its own and then merged, so that spans may be computed in any order or place.
void Merge(float maximum, float sum, const std::vector<float>& values, RunningSoftmax& total) {
  const float merged = MaxOf(total.maximum, maximum);
  const float old_scale = Exp(total.maximum - merged);
  const float new_scale = Exp(maximum - merged);
  total.maximum = merged;
  total.sum = std::fma(sum, new_scale, total.sum * old_scale);
  for (size_t d = 0; d < values.size(); ++d) {
    total.values[d] = std::fma(values[d], new_scale, total.values[d] * old_scale);
  }
}

class RowAttention {
 public:
  RowAttention(const PagedAttentionArgs& args, Bf16Products bf16_products, int64_t row)
      : args_(args),
        bf16_products_(bf16_products),
        index_(args.kv.index()),
        row_(row),
        position_(args.positions.as<const int32_t>()[row]),
        sequence_(args.row_sequences.as<const int32_t>()[row]) {
    FOREGATE_CHECK(position_ >= 0 && position_ / args.kv.block_size < args.block_tables.dim(1));
    FOREGATE_CHECK(sequence_ >= 0 && sequence_ < args.block_tables.dim(0));
  }

  void Head(int64_t head) const {
    const int64_t heads = args_.q.dim(1);
    const int64_t head_dim = args_.q.dim(2);
    const int64_t kv_head = head / (heads / args_.kv.keys.dim(1));
    const float* q = args_.q.as<const float>() + (row_ * heads + head) * head_dim;
    float* out = args_.out.as<float>() + (row_ * heads + head) * head_dim;
    const int32_t first = args_.window == 0 ? 0 : std::max(0, position_ - args_.window + 1);
    RunningSoftmax total(head_dim);
    for (int32_t span = first / kAttentionSpan; span <= position_ / kAttentionSpan; ++span) {
      const int32_t begin = std::max(first, span * kAttentionSpan);
      const int32_t end = std::min(position_, span * kAttentionSpan + (kAttentionSpan - 1)) + 1;
      AddSpan(q, kv_head, begin, end, total);
    }
    for (int64_t d = 0; d < head_dim; ++d) out[d] = total.values[static_cast<size_t>(d)] / total.sum;
  }

 private:
  int64_t SlotOf(int32_t position) const {
    const int32_t block_size = args_.kv.block_size;
    const int32_t* table = args_.block_tables.as<const int32_t>() + sequence_ * args_.block_tables.dim(1);
    const int64_t slot = static_cast<int64_t>(table[position / block_size]) * block_size + position % block_size;
    FOREGATE_CHECK(slot >= 0 && slot < args_.kv.keys.dim(0));
    return slot;
  }

  float Element(const TensorView& plane, int64_t at) const {
    return index_.is_bf16 ? Bf16ToF32(plane.as<const uint16_t>()[at]) : plane.as<const float>()[at];
  }

  void AddSpan(const float* q, int64_t kv_head, int32_t begin, int32_t end, RunningSoftmax& total) const {
    std::vector<float> scores;
    for (int32_t position = begin; position < end; ++position) {
      const int64_t slot = SlotOf(position);
      const auto key = [&](int64_t d) { return Element(args_.kv.keys, index_.Key(slot, kv_head, d)); };
      scores.push_back(Dot(q, key, index_.head_dim) * args_.scale);
    }
    const float maximum = MaxElement(scores.data(), end - begin);
    for (float& score : scores) score = Exp(score - maximum);
    Merge(maximum, LaneSum(scores.data(), end - begin), WeightedSum(kv_head, begin, end, scores), total);
  }

  // Of the values of positions [begin, end).
  std::vector<float> WeightedSum(int64_t kv_head, int32_t begin, int32_t end,
                                 const std::vector<float>& probabilities) const {
    // bf16 values come in whole chunks.
    const int32_t chunk = index_.is_bf16 ? kBf16ValueChunk : 1;
    const int32_t first = begin / chunk * chunk;
    const int32_t last = (end + chunk - 1) / chunk * chunk;
    std::vector<float> padded(static_cast<size_t>(last - first), 0.0f);
    std::copy(probabilities.begin(), probabilities.end(), padded.begin() + (begin - first));
    std::vector<float> sums;
    std::vector<float> values(padded.size(), 0.0f);  // of one dimension
    std::vector<int64_t> slots;
    for (int32_t position = begin; position < end; ++position) slots.push_back(SlotOf(position));
    for (int64_t d = 0; d < index_.head_dim; ++d) {
      for (size_t i = 0; i < slots.size(); ++i) {
        values[static_cast<size_t>(begin - first) + i] = Element(args_.kv.values, index_.Value(slots[i], kv_head, d));
      }
      sums.push_back(Dot(
          padded.data(), [&](int64_t i) { return values[static_cast<size_t>(i)]; }, last - first));
    }
    return sums;
  }

  template <typename W>
  float Dot(const float* x, W w, int64_t k_end) const {
    return index_.is_bf16 ? Bf16Dot(bf16_products_, x, w, k_end) : ChainDot(x, w, k_end);
  }

  const PagedAttentionArgs& args_;
  const Bf16Products bf16_products_;
  const KvIndex index_;
  const int64_t row_;
  const int32_t position_;
  const int64_t sequence_;
};

}  // namespace

void RefWriteKv(const WriteKvArgs& args) {
  const KvIndex index = args.kv.index();
  const auto write = [&](const TensorView& plane, int64_t at, float x) {
    if (index.is_bf16) {
      plane.as<uint16_t>()[at] = F32ToBf16(x);
    } else {
      plane.as<float>()[at] = x;
    }
  };
  for (int64_t t = 0; t < args.slots.dim(0); ++t) {
    const int64_t slot = args.slots.as<const int32_t>()[t];
    FOREGATE_CHECK(slot >= 0 && slot < args.kv.keys.dim(0));
    for (int64_t head = 0; head < index.num_heads; ++head) {
      const int64_t from = (t * index.num_heads + head) * index.head_dim;
      for (int64_t d = 0; d < index.head_dim; ++d) {
        write(args.kv.keys, index.Key(slot, head, d), args.keys.as<const float>()[from + d]);
        write(args.kv.values, index.Value(slot, head, d), args.values.as<const float>()[from + d]);
      }
    }
  }
}

void RefPagedAttention(const PagedAttentionArgs& args, Bf16Products bf16_products) {
  for (int64_t row = 0; row < args.q.dim(0); ++row) {
    const RowAttention attention(args, bf16_products, row);
    for (int64_t head = 0; head < args.q.dim(1); ++head) attention.Head(head);
  }
}

}  // namespace foregate::internal
