// Workspace: every buffer of a step, sized once from the limits, so that a step allocates none.
//
// Slices are views of two allocations, one in device memory and one in host memory for what is copied in and out. Host
// arrays that are copied in during one step do not share bytes: an earlier copy may still be pending.
#ifndef FOREGATE_ENGINE_MODEL_WORKSPACE_H_
#define FOREGATE_ENGINE_MODEL_WORKSPACE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/model/model_config.h"
#include "engine/moe/moe_layer.h"
#include "engine/moe/prefetcher.h"
#include "kernels/api/tensor_view.h"

namespace foregate {

struct WorkspaceLimits {
  int32_t max_batch_tokens = 0;         // T: rows of a step
  int32_t max_sequences = 0;            // sequences of a step
  int32_t max_blocks_per_sequence = 0;  // columns of the block tables
  int32_t max_logits_rows = 0;          // rows of a step whose logits are wanted
};

// What follows a row through the layers; two sets, because dropping rows gathers from one into the other.
struct RowState {
  TensorView hidden;         // [T, H] f32
  TensorView positions;      // [T] i32
  TensorView slots;          // [T] i32
  TensorView row_sequences;  // [T] i32
  // [T, k] i32 of the layers ahead whose experts are chosen, layer t in place t % size; absent without pre-gates.
  // While a layer computes, that of its own ids, of one layer on and of two can all be in use.
  std::array<TensorView, kMaxPreGateDistance + 1> committed_ids;
};

struct Workspace {
  // Device memory.
  RowState rows[2];
  TensorView token_ids;     // [T] i32
  TensorView block_tables;  // [max_sequences * max_blocks] i32
  TensorView kept_rows;     // [T] i32
  TensorView normed;        // [T, H]
  TensorView branch;        // [T, H]: what a layer's half adds to hidden
  TensorView q;             // [T, heads * D]
  TensorView k, v;          // [T, kv_heads * D]
  TensorView attention;     // [T, heads * D]
  DenseFfnBuffers dense;    // [T, dense_width]
  // What the next layer's router says of the current state, of min(T, Prefetcher::kMaxGuessRows) rows.
  TensorView guessed_ids;      // [., ranks] i32
  TensorView guessed_weights;  // [., ranks]
  MoeBuffers moe;
  TensorView logits_hidden;  // [L, H]
  TensorView logits;         // [L, vocab]
  TensorView largest;        // [L] i32: ArgMax of the logits

  // Host memory.
  TensorView host_token_ids, host_positions, host_slots, host_row_sequences;  // [T] i32
  TensorView host_block_tables;                                               // [max_sequences * max_blocks] i32
  TensorView host_kept_rows;      // [layers + 1, T] i32: one row of it per time that rows are dropped
  TensorView host_logits_rows;    // [L] i32
  TensorView host_logits;         // [L, vocab] f32
  TensorView host_largest;        // [L] i32
  TensorView host_expert_ids;     // [MoE layers * T, k] i32
  TensorView host_weights;        // [MoE layers * T, k] f32
  TensorView host_committed_ids;  // [pre-gated layers * T, k] i32; absent without pre-gates
  TensorView host_guessed_ids;    // like guessed_ids

  // The buffers of `num_rows` rows: every [T, ...] device view cut to them.
  Workspace Slice(int64_t num_rows) const;
};

struct WorkspaceBytes {
  size_t device = 0;
  size_t host = 0;
};

WorkspaceBytes MeasureWorkspace(const ModelConfig& config, const WorkspaceLimits& limits);
// `device` and `host` have the measured sizes; no byte is touched.
Workspace LayOutWorkspace(const ModelConfig& config, const WorkspaceLimits& limits, void* device, void* host);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WORKSPACE_H_
