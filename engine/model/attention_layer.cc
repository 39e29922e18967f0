#include "engine/model/attention_layer.h"

#include <cmath>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// The norm of one projection [T, heads * D], per head or over the whole width.
absl::Status NormProjection(const ModelConfig& config, const TensorView& x, const TensorView& weight, Kernels& kernels,
                            Stream& stream) {
  if (config.attention.qk_norm == QkNorm::kNone) return absl::OkStatus();
  const int64_t width = weight.dim(0);
  const TensorView rows = x.Reshape({x.num_elements() / width, width});
  return kernels.RmsNorm({.x = rows, .weight = weight, .eps = config.rms_norm_eps, .out = rows}, stream);
}

absl::Status ProjectQkv(const ModelConfig& config, const AttentionWeights& weights, const Workspace& w,
                        Kernels& kernels, Stream& stream) {
  const TensorView& x = w.normed;
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = weights.q, .bias = weights.q_bias, .out = w.q}, stream));
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = weights.k, .bias = weights.k_bias, .out = w.k}, stream));
  FOREGATE_RETURN_IF_ERROR(kernels.Linear({.x = x, .weight = weights.v, .bias = weights.v_bias, .out = w.v}, stream));
  FOREGATE_RETURN_IF_ERROR(NormProjection(config, w.q, weights.q_norm, kernels, stream));
  FOREGATE_RETURN_IF_ERROR(NormProjection(config, w.k, weights.k_norm, kernels, stream));
  if (config.attention.qkv_limit == 0) return absl::OkStatus();
  for (const TensorView& projection : {w.q, w.k, w.v})
    FOREGATE_RETURN_IF_ERROR(kernels.Clamp({.x = projection, .limit = config.attention.qkv_limit}, stream));
  return absl::OkStatus();
}

}  // namespace

absl::Status AttentionLayer(const ModelConfig& config, int32_t window, const AttentionWeights& weights,
                            const AttentionStep& step, const RowState& rows, const PagedKvView& kv, const Workspace& w,
                            Kernels& kernels, Stream& stream) {
  const AttentionConfig& attention = config.attention;
  const int64_t num_rows = w.normed.dim(0);
  FOREGATE_RETURN_IF_ERROR(ProjectQkv(config, weights, w, kernels, stream));
  const TensorView q = w.q.Reshape({num_rows, attention.num_heads, attention.head_dim});
  const TensorView k = w.k.Reshape({num_rows, attention.num_kv_heads, attention.head_dim});
  const TensorView v = w.v.Reshape({num_rows, attention.num_kv_heads, attention.head_dim});
  for (const TensorView& x : {q, k})
    FOREGATE_RETURN_IF_ERROR(
        kernels.Rope({.x = x, .positions = rows.positions, .cos = step.cos, .sin = step.sin}, stream));
  FOREGATE_RETURN_IF_ERROR(kernels.WriteKv({.keys = k, .values = v, .slots = rows.slots, .kv = kv}, stream));
  FOREGATE_RETURN_IF_ERROR(
      kernels.PagedAttention({.q = q,
                              .kv = kv,
                              .block_tables = step.block_tables,
                              .row_sequences = rows.row_sequences,
                              .positions = rows.positions,
                              .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(attention.head_dim))),
                              .window = window,
                              .out = w.attention.Reshape({num_rows, attention.num_heads, attention.head_dim})},
                             stream));
  return kernels.Linear({.x = w.attention, .weight = weights.output, .bias = weights.o_bias, .out = w.branch}, stream);
}

}  // namespace foregate
