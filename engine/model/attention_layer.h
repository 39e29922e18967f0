// AttentionLayer: projections, q/k norms, rotary embedding, paged attention, output projection.
#ifndef FOREGATE_ENGINE_MODEL_ATTENTION_LAYER_H_
#define FOREGATE_ENGINE_MODEL_ATTENTION_LAYER_H_

#include "absl/status/status.h"
#include "engine/model/model_config.h"
#include "engine/model/weights.h"
#include "engine/model/workspace.h"
#include "kernels/api/kernels.h"

namespace foregate {

// What is the same for every layer of a step.
struct AttentionStep {
  TensorView cos, sin;      // [max positions, D / 2]
  TensorView block_tables;  // [sequences, blocks] i32
};

// Writes the rows' keys and values to `kv` and the layer's contribution for `w.normed` to `w.branch`. `rows` says where
// the rows stand; `w` is sliced to them.
absl::Status AttentionLayer(const ModelConfig& config, int32_t window, const AttentionWeights& weights,
                            const AttentionStep& step, const RowState& rows, const PagedKvView& kv, const Workspace& w,
                            Kernels& kernels, Stream& stream);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_ATTENTION_LAYER_H_
