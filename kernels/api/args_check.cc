#include "kernels/api/args_check.h"

#include "kernels/base/check.h"

namespace foregate {
namespace {

void CheckF32(const TensorView& view, int rank) {
  FOREGATE_CHECK(view.dtype() == DType::kF32);
  FOREGATE_CHECK_EQ(view.rank(), rank);
}

void CheckI32(const TensorView& view, int rank) {
  FOREGATE_CHECK(view.dtype() == DType::kI32);
  FOREGATE_CHECK_EQ(view.rank(), rank);
}

void CheckWeight(const TensorView& view, int rank) {
  FOREGATE_CHECK(view.dtype() != DType::kI32);
  FOREGATE_CHECK_EQ(view.rank(), rank);
}

void CheckMatrix(const WeightMatrix& matrix, int64_t num_outputs, int64_t num_inputs) {
  FOREGATE_CHECK(!matrix.empty());
  FOREGATE_CHECK_EQ(matrix.num_outputs, num_outputs);
  FOREGATE_CHECK_EQ(matrix.num_inputs, num_inputs);
}

void CheckSameShape(const TensorView& a, const TensorView& b) {
  FOREGATE_CHECK_EQ(a.rank(), b.rank());
  for (int axis = 0; axis < a.rank(); ++axis) FOREGATE_CHECK_EQ(a.dim(axis), b.dim(axis));
}

void CheckKv(const PagedKvView& kv) {
  FOREGATE_CHECK(kv.keys.dtype() == DType::kF32 || kv.keys.dtype() == DType::kBf16);
  FOREGATE_CHECK(kv.values.dtype() == kv.keys.dtype());
  FOREGATE_CHECK_EQ(kv.keys.rank(), 3);
  CheckSameShape(kv.keys, kv.values);
  FOREGATE_CHECK_GT(kv.block_size, 0);
  FOREGATE_CHECK_EQ(kv.keys.dim(0) % kv.block_size, 0);
}

// k of E experts and their weights.
void CheckChoice(const TensorView& logits, const TensorView& expert_ids, const TensorView& weights) {
  CheckF32(logits, 2);
  CheckI32(expert_ids, 2);
  CheckF32(weights, 2);
  CheckSameShape(expert_ids, weights);
  FOREGATE_CHECK_EQ(expert_ids.dim(0), logits.dim(0));
  FOREGATE_CHECK_GE(expert_ids.dim(1), 1);
  FOREGATE_CHECK_LE(expert_ids.dim(1), logits.dim(1));
}

}  // namespace

void CheckArgs(const EmbedArgs& args) {
  CheckI32(args.ids, 1);
  CheckF32(args.out, 2);
  FOREGATE_CHECK(!args.table.empty());
  FOREGATE_CHECK_EQ(args.out.dim(0), args.ids.dim(0));
  FOREGATE_CHECK_EQ(args.out.dim(1), args.table.num_inputs);
}

void CheckArgs(const RmsNormArgs& args) {
  CheckF32(args.x, 2);
  CheckF32(args.out, 2);
  CheckWeight(args.weight, 1);
  CheckSameShape(args.x, args.out);
  FOREGATE_CHECK_EQ(args.weight.dim(0), args.x.dim(1));
}

void CheckArgs(const LinearArgs& args) {
  CheckF32(args.x, 2);
  CheckF32(args.out, 2);
  CheckMatrix(args.weight, args.out.dim(1), args.x.dim(1));
  FOREGATE_CHECK_EQ(args.out.dim(0), args.x.dim(0));
  if (args.bias.empty()) return;
  CheckWeight(args.bias, 1);
  FOREGATE_CHECK_EQ(args.bias.dim(0), args.weight.num_outputs);
}

void CheckArgs(const ClampArgs& args) {
  CheckF32(args.x, args.x.rank());
  FOREGATE_CHECK_GE(args.limit, 0.0f);
}

void CheckArgs(const RopeArgs& args) {
  CheckF32(args.x, 3);
  CheckI32(args.positions, 1);
  CheckF32(args.cos, 2);
  CheckF32(args.sin, 2);
  CheckSameShape(args.cos, args.sin);
  FOREGATE_CHECK_EQ(args.positions.dim(0), args.x.dim(0));
  FOREGATE_CHECK_LE(2 * args.cos.dim(1), args.x.dim(2));
}

void CheckArgs(const WriteKvArgs& args) {
  CheckF32(args.keys, 3);
  CheckF32(args.values, 3);
  CheckSameShape(args.keys, args.values);
  CheckI32(args.slots, 1);
  CheckKv(args.kv);
  FOREGATE_CHECK_EQ(args.slots.dim(0), args.keys.dim(0));
  FOREGATE_CHECK_EQ(args.kv.keys.dim(1), args.keys.dim(1));
  FOREGATE_CHECK_EQ(args.kv.keys.dim(2), args.keys.dim(2));
}

void CheckArgs(const PagedAttentionArgs& args) {
  CheckF32(args.q, 3);
  CheckF32(args.out, 3);
  CheckSameShape(args.q, args.out);
  CheckKv(args.kv);
  CheckI32(args.block_tables, 2);
  CheckI32(args.row_sequences, 1);
  CheckI32(args.positions, 1);
  FOREGATE_CHECK_GE(args.window, 0);
  FOREGATE_CHECK_EQ(args.kv.keys.dim(2), args.q.dim(2));
  FOREGATE_CHECK_GT(args.kv.keys.dim(1), 0);
  FOREGATE_CHECK_EQ(args.q.dim(1) % args.kv.keys.dim(1), 0);
  FOREGATE_CHECK_EQ(args.row_sequences.dim(0), args.q.dim(0));
  FOREGATE_CHECK_EQ(args.positions.dim(0), args.q.dim(0));
}

void CheckArgs(const TopKRouterArgs& args) { CheckChoice(args.logits, args.expert_ids, args.weights); }

void CheckArgs(const WeighExpertsArgs& args) { CheckChoice(args.logits, args.expert_ids, args.weights); }

void CheckArgs(const GroupByExpertArgs& args) {
  CheckI32(args.expert_ids, 2);
  CheckI32(args.token_of, 1);
  CheckI32(args.slot_of, 1);
  CheckI32(args.offsets, 1);
  FOREGATE_CHECK_EQ(args.token_of.dim(0), args.expert_ids.num_elements());
  FOREGATE_CHECK_EQ(args.slot_of.dim(0), args.expert_ids.num_elements());
  FOREGATE_CHECK_GE(args.offsets.dim(0), 2);
}

void CheckArgs(const GroupedFfnArgs& args) {
  CheckF32(args.x, 2);
  CheckI32(args.token_of, 1);
  CheckI32(args.offsets, 1);
  CheckF32(args.scratch, 2);
  CheckF32(args.y, 2);
  const int64_t hidden = args.x.dim(1);
  FOREGATE_CHECK_EQ(args.y.dim(0), args.token_of.dim(0));
  FOREGATE_CHECK_EQ(args.y.dim(1), hidden);
  FOREGATE_CHECK_EQ(args.scratch.dim(0), args.token_of.dim(0));
  int32_t previous = -1;
  for (const ExpertWeights& weights : args.experts) {
    FOREGATE_CHECK_GT(weights.expert, previous);
    FOREGATE_CHECK_LT(weights.expert + 1, args.offsets.dim(0));
    previous = weights.expert;
    const int64_t ffn = weights.gate.num_outputs;
    CheckMatrix(weights.gate, ffn, hidden);
    CheckMatrix(weights.up, ffn, hidden);
    CheckMatrix(weights.down, hidden, ffn);
    FOREGATE_CHECK_EQ(args.scratch.dim(1), 2 * ffn);
    const ExpertWeights& first = args.experts.front();
    FOREGATE_CHECK(weights.gate.format == first.gate.format && weights.up.format == first.gate.format);
    FOREGATE_CHECK(weights.down.format == first.down.format);
  }
}

void CheckArgs(const CombineArgs& args) {
  CheckF32(args.y, 2);
  CheckF32(args.weights, 2);
  CheckI32(args.token_of, 1);
  CheckI32(args.slot_of, 1);
  CheckI32(args.offsets, 1);
  CheckF32(args.acc, 2);
  FOREGATE_CHECK_EQ(args.y.dim(0), args.token_of.dim(0));
  FOREGATE_CHECK_EQ(args.y.dim(0), args.slot_of.dim(0));
  FOREGATE_CHECK_EQ(args.acc.dim(0), args.weights.dim(0));
  FOREGATE_CHECK_EQ(args.acc.dim(1), args.y.dim(1));
  FOREGATE_CHECK_GE(args.first_expert, 0);
  FOREGATE_CHECK_LE(args.first_expert, args.last_expert);
  FOREGATE_CHECK_LT(args.last_expert, args.offsets.dim(0));
}

void CheckArgs(const SwiGluArgs& args) {
  CheckF32(args.gate, 2);
  CheckF32(args.up, 2);
  CheckF32(args.out, 2);
  CheckSameShape(args.gate, args.up);
  CheckSameShape(args.gate, args.out);
}

void CheckArgs(const AccumulateArgs& args) {
  CheckF32(args.y, 2);
  CheckF32(args.acc, 2);
  CheckSameShape(args.y, args.acc);
  if (args.gate_logits.empty()) return;
  CheckF32(args.gate_logits, 2);
  FOREGATE_CHECK_EQ(args.gate_logits.dim(0), args.y.dim(0));
  FOREGATE_CHECK_EQ(args.gate_logits.dim(1), 1);
}

void CheckArgs(const GatherRowsArgs& args) {
  FOREGATE_CHECK_EQ(args.x.rank(), 2);
  FOREGATE_CHECK_EQ(args.out.rank(), 2);
  FOREGATE_CHECK(args.x.dtype() == args.out.dtype());
  FOREGATE_CHECK_EQ(ElementBytes(args.x.dtype()), 4u);
  CheckI32(args.rows, 1);
  FOREGATE_CHECK_EQ(args.out.dim(0), args.rows.dim(0));
  FOREGATE_CHECK_EQ(args.out.dim(1), args.x.dim(1));
}

void CheckArgs(const FillArgs& args) { CheckF32(args.x, args.x.rank()); }

void CheckArgs(const ArgMaxArgs& args) {
  CheckF32(args.x, 2);
  CheckI32(args.out, 1);
  FOREGATE_CHECK_EQ(args.out.dim(0), args.x.dim(0));
  FOREGATE_CHECK_GE(args.x.dim(1), 1);
}

}  // namespace foregate
