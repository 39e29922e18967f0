// Kernels: every operation of the model, each with an Args struct that states shapes and dtypes.
//
// Activations, logits, routing weights and accumulators are f32; weight matrices, the embedding table among them, are
// packed (kernels/weights); vectors of weights are f32, bf16 or f16 (widened exactly); ids, positions and indices are
// i32.
// Operands are device memory unless a field says host. Every operation is enqueued; a returned error concerns the
// launch. Shape mismatches are the caller's broken invariant (CHECK).
//
// Numeric contract (docs/adr/0005): the result of a row depends on that row's operands alone, never on the number of
// rows, on other rows, on the thread count or on the split into calls. On CPU backends all dot products follow the one
// written arithmetic of kernels/base/arithmetic.h.
//
// Names in shapes: T rows (tokens) of the step, H hidden size, N x K a weight matrix with N output features, E experts,
// k experts per token, D head dimension.
#ifndef FOREGATE_KERNELS_API_KERNELS_H_
#define FOREGATE_KERNELS_API_KERNELS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "kernels/api/device.h"
#include "kernels/api/kv_index.h"
#include "kernels/api/tensor_view.h"
#include "kernels/api/weight_matrix.h"

namespace foregate {

// out[t] = table[ids[t]], the values that the table's format stands for (UnpackRow in kernels/weights/pack.h).
struct EmbedArgs {
  WeightMatrix table;  // [vocab, H]
  TensorView ids;      // [T] i32, each in [0, vocab)
  TensorView out;      // [T, H]
};

// out[t] = x[t] / sqrt(mean(x[t]^2) + eps) * weight. `out` may be `x`.
struct RmsNormArgs {
  TensorView x;       // [T, H]
  TensorView weight;  // [H], f32 | bf16 | f16
  float eps = 0;
  TensorView out;  // [T, H]
};

// out = x * weight^T (+ bias)
struct LinearArgs {
  TensorView x;         // [T, K]
  WeightMatrix weight;  // [N, K]
  TensorView bias;      // [N] or absent, f32 | bf16 | f16
  TensorView out;       // [T, N]
};

// x = min(max(x, -limit), limit), in place (OLMo's clip_qkv).
struct ClampArgs {
  TensorView x;
  float limit = 0;
};

// Rotary position embedding in place, half-split ("neox") pairing: element i pairs with i + R/2 for i < R/2, where R is
// the rotary dimension; elements from R on are left alone.
struct RopeArgs {
  TensorView x;          // [T, heads, D]
  TensorView positions;  // [T] i32
  TensorView cos;        // [max_positions, R/2] f32
  TensorView sin;        // [max_positions, R/2] f32
};

// The paged key and value planes of one layer: a slot is block * block_size + offset. The shapes give the sizes; inside
// a block, elements lie as kv_index.h says.
struct PagedKvView {
  TensorView keys;    // [num_blocks * block_size, kv_heads, D] f32 | bf16
  TensorView values;  // like keys
  int32_t block_size = 0;

  KvIndex index() const {
    return {.num_heads = keys.dim(1),
            .head_dim = keys.dim(2),
            .block_size = block_size,
            .is_bf16 = keys.dtype() == DType::kBf16};
  }
};

// Into bf16 planes rounded to nearest even.
struct WriteKvArgs {
  TensorView keys;    // [T, kv_heads, D]
  TensorView values;  // [T, kv_heads, D]
  TensorView slots;   // [T] i32
  PagedKvView kv;
};

// Causal grouped-query attention of each row over the slots of its sequence: positions
// [max(0, position - window + 1), position]. Keys are visited in fixed spans of kAttentionSpan positions counted from
// position 0, so the result does not depend on how the sequence arrived. Scores and weighted sums with bf16 planes are
// products with bf16 panels in the backend's arithmetic for those (docs/adr/0019).
struct PagedAttentionArgs {
  TensorView q;              // [T, heads, D]
  PagedKvView kv;            // heads is a multiple of kv_heads
  TensorView block_tables;   // [S, max_blocks] i32: block of each span of block_size positions
  TensorView row_sequences;  // [T] i32, in [0, S)
  TensorView positions;      // [T] i32
  float scale = 0;
  int32_t window = 0;  // sliding window in tokens; 0: unlimited
  TensorView out;      // [T, heads, D]
};
inline constexpr int32_t kAttentionSpan = 256;
// Weighted sums over bf16 values run over whole chunks of so many positions, counted from position 0: one that the row
// does not see counts as +0 times +0.
inline constexpr int32_t kBf16ValueChunk = 32;

enum class RouterScoring : uint8_t {
  kSoftmax,  // softmax over all experts, then top-k
};

// The k experts of the largest scores of each row (ties: the smaller id), their ids in ascending order of *score rank*
// (best first), and their mixing weights: the scores, divided by their sum when `normalize`.
struct TopKRouterArgs {
  TensorView logits;  // [T, E] f32
  RouterScoring scoring = RouterScoring::kSoftmax;
  bool normalize = false;
  TensorView expert_ids;  // [T, k] i32, out
  TensorView weights;     // [T, k] f32, out
};

// Mixing weights of experts that are chosen already: their scores over all experts, or with `normalize` the softmax
// over the chosen alone (the same but for roundings, and numbers where all of them score 0).
struct WeighExpertsArgs {
  TensorView logits;  // [T, E] f32
  RouterScoring scoring = RouterScoring::kSoftmax;
  bool normalize = false;
  TensorView expert_ids;  // [T, k] i32, each in [0, E), distinct in a row
  TensorView weights;     // [T, k] f32, out
};

// Stable grouping of the T*k routed entries by (expert, token): entry j of the grouped order is token
// `token_of[j]` with routing slot `slot_of[j]`; entries of expert e are [offsets[e], offsets[e+1]).
struct GroupByExpertArgs {
  TensorView expert_ids;  // [T, k] i32
  TensorView token_of;    // [T*k] i32, out
  TensorView slot_of;     // [T*k] i32, out
  TensorView offsets;     // [E+1] i32, out
};

// One expert's matrices where the kernels can read them.
struct ExpertWeights {
  int32_t expert = 0;
  WeightMatrix gate;  // [F, H]
  WeightMatrix up;    // [F, H]
  WeightMatrix down;  // [H, F]
};

// y[j] = down(silu(gate(x)) * up(x)) of x[token_of[j]] for the entries j of the experts given, which are ascending by
// id. Entries of other experts are left alone (a layer may run in waves of experts).
struct GroupedFfnArgs {
  TensorView x;                        // [T, H]
  TensorView token_of;                 // [T*k] i32
  TensorView offsets;                  // [E+1] i32
  std::vector<ExpertWeights> experts;  // one format for all gates and ups, one for all downs
  TensorView scratch;                  // [T*k, 2*F] f32
  TensorView y;                        // [T*k, H] f32, out
};

// acc[t] = fma(weights[t, slot], y[j], acc[t]) over the entries of experts [first_expert, last_expert) in ascending
// expert id (contract: waves in ascending order give the bits of one wave).
struct CombineArgs {
  TensorView y;         // [T*k, H]
  TensorView weights;   // [T, k]
  TensorView token_of;  // [T*k] i32
  TensorView slot_of;   // [T*k] i32
  TensorView offsets;   // [E+1] i32
  int32_t first_expert = 0;
  int32_t last_expert = 0;
  TensorView acc;  // [T, H] f32, in and out
};

// out = silu(gate) * up, element by element. `out` may be `gate`.
struct SwiGluArgs {
  TensorView gate;  // [T, F]
  TensorView up;    // [T, F]
  TensorView out;   // [T, F]
};

// acc[t] = fma(scale, y[t], acc[t]) with scale = sigmoid(gate_logits[t]), or 1 when gate_logits is absent.
struct AccumulateArgs {
  TensorView y;            // [T, H]
  TensorView gate_logits;  // [T, 1] or absent
  TensorView acc;          // [T, H], in and out
};

// out[i] = x[rows[i]]. `out` must not overlap `x`.
struct GatherRowsArgs {
  TensorView x;     // [T, W]; any dtype of 4 bytes
  TensorView rows;  // [M] i32, each in [0, T)
  TensorView out;   // [M, W]
};

struct FillArgs {
  TensorView x;  // f32
  float value = 0;
};

// Of each row the index of its largest element, of equals the smallest, or kAllMasked or kNotANumber
// (kernels/base/arg_max.h).
struct ArgMaxArgs {
  TensorView x;    // [T, W] f32
  TensorView out;  // [T] i32
};

class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual absl::Status Embed(const EmbedArgs& args, Stream& stream) = 0;
  virtual absl::Status RmsNorm(const RmsNormArgs& args, Stream& stream) = 0;
  virtual absl::Status Linear(const LinearArgs& args, Stream& stream) = 0;
  virtual absl::Status Clamp(const ClampArgs& args, Stream& stream) = 0;
  virtual absl::Status Rope(const RopeArgs& args, Stream& stream) = 0;
  virtual absl::Status WriteKv(const WriteKvArgs& args, Stream& stream) = 0;
  virtual absl::Status PagedAttention(const PagedAttentionArgs& args, Stream& stream) = 0;
  virtual absl::Status TopKRouter(const TopKRouterArgs& args, Stream& stream) = 0;
  virtual absl::Status WeighExperts(const WeighExpertsArgs& args, Stream& stream) = 0;
  virtual absl::Status GroupByExpert(const GroupByExpertArgs& args, Stream& stream) = 0;
  virtual absl::Status GroupedFfn(const GroupedFfnArgs& args, Stream& stream) = 0;
  virtual absl::Status Combine(const CombineArgs& args, Stream& stream) = 0;
  virtual absl::Status SwiGlu(const SwiGluArgs& args, Stream& stream) = 0;
  virtual absl::Status Accumulate(const AccumulateArgs& args, Stream& stream) = 0;
  virtual absl::Status GatherRows(const GatherRowsArgs& args, Stream& stream) = 0;
  virtual absl::Status Fill(const FillArgs& args, Stream& stream) = 0;
  virtual absl::Status ArgMax(const ArgMaxArgs& args, Stream& stream) = 0;
};

// A device with the operations that run on it; `kernels` uses `device`.
struct Backend {
  std::unique_ptr<Device> device;
  std::unique_ptr<Kernels> kernels;
};

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_KERNELS_H_
