#include "engine/model/workspace.h"

#include <algorithm>
#include <initializer_list>

namespace foregate {
namespace {

// Cuts views from one allocation. Addresses are computed in integers: while measuring there is no allocation.
class Slicer {
 public:
  explicit Slicer(void* base) : base_(reinterpret_cast<uintptr_t>(base)) {}
  TensorView Cut(DType dtype, std::initializer_list<int64_t> shape) {
    constexpr size_t kAlignment = 64;
    const TensorView view(reinterpret_cast<void*>(base_ + num_bytes_), dtype, shape);
    num_bytes_ += (view.num_bytes() + kAlignment - 1) / kAlignment * kAlignment;
    return view;
  }
  TensorView F32(std::initializer_list<int64_t> shape) { return Cut(DType::kF32, shape); }
  TensorView I32(std::initializer_list<int64_t> shape) { return Cut(DType::kI32, shape); }
  size_t num_bytes() const { return num_bytes_; }

 private:
  uintptr_t base_;
  size_t num_bytes_ = 0;
};

int64_t NumMoeLayers(const ModelConfig& config) {
  return std::count_if(config.layers.begin(), config.layers.end(), [](const LayerConfig& l) { return l.is_moe; });
}

int64_t NumPreGatedLayers(const ModelConfig& config) {
  int64_t count = 0;
  for (size_t layer = 0; layer < config.layers.size(); ++layer) count += config.IsPreGated(layer);
  return count;
}

int64_t NumGuessRows(int64_t tokens) { return std::min(tokens, Prefetcher::kMaxGuessRows); }

void LayOutMoe(const ModelConfig& config, int64_t tokens, Slicer& device, MoeBuffers& moe) {
  const int64_t hidden = config.hidden_size;
  const int64_t top_k = config.moe.experts_per_token;
  moe.routing.logits = device.F32({tokens, config.moe.num_experts});
  moe.routing.expert_ids = device.I32({tokens, top_k});
  moe.routing.weights = device.F32({tokens, top_k});
  moe.routing.token_of = device.I32({tokens * top_k});
  moe.routing.slot_of = device.I32({tokens * top_k});
  moe.routing.offsets = device.I32({config.moe.num_experts + int64_t{1}});
  moe.dispatch.scratch = device.F32({tokens * top_k, 2 * int64_t{config.moe.expert_width}});
  moe.dispatch.y = device.F32({tokens * top_k, hidden});
  if (config.moe.shared_expert_width == 0) return;
  moe.shared.gate = device.F32({tokens, config.moe.shared_expert_width});
  moe.shared.up = device.F32({tokens, config.moe.shared_expert_width});
  moe.shared_y = device.F32({tokens, hidden});
  moe.shared_logit = device.F32({tokens, 1});
}

void LayOutDevice(const ModelConfig& config, const WorkspaceLimits& limits, Slicer& device, Workspace& w) {
  const int64_t tokens = limits.max_batch_tokens;
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = int64_t{config.attention.num_heads} * config.attention.head_dim;
  const int64_t kv_width = int64_t{config.attention.num_kv_heads} * config.attention.head_dim;
  for (RowState& rows : w.rows) {
    rows.hidden = device.F32({tokens, hidden});
    rows.positions = device.I32({tokens});
    rows.slots = device.I32({tokens});
    rows.row_sequences = device.I32({tokens});
    if (config.pre_gate_distance == 0) continue;
    for (TensorView& ids : rows.committed_ids) ids = device.I32({tokens, config.moe.experts_per_token});
  }
  w.token_ids = device.I32({tokens});
  w.block_tables = device.I32({int64_t{limits.max_sequences} * limits.max_blocks_per_sequence});
  w.kept_rows = device.I32({tokens});
  w.normed = device.F32({tokens, hidden});
  w.branch = device.F32({tokens, hidden});
  w.q = device.F32({tokens, q_width});
  w.k = device.F32({tokens, kv_width});
  w.v = device.F32({tokens, kv_width});
  w.attention = device.F32({tokens, q_width});
  if (config.dense_width > 0) {
    w.dense.gate = device.F32({tokens, config.dense_width});
    w.dense.up = device.F32({tokens, config.dense_width});
  }
  LayOutMoe(config, tokens, device, w.moe);
  const int64_t num_ranks = Prefetcher::NumRanks(config.moe.experts_per_token, config.moe.num_experts);
  w.guessed_ids = device.I32({NumGuessRows(tokens), num_ranks});
  w.guessed_weights = device.F32({NumGuessRows(tokens), num_ranks});
  w.logits_hidden = device.F32({limits.max_logits_rows, hidden});
  w.logits = device.F32({limits.max_logits_rows, config.vocab_size});
  w.largest = device.I32({limits.max_logits_rows});
}

void LayOutHost(const ModelConfig& config, const WorkspaceLimits& limits, Slicer& host, Workspace& w) {
  const int64_t tokens = limits.max_batch_tokens;
  w.host_token_ids = host.I32({tokens});
  w.host_positions = host.I32({tokens});
  w.host_slots = host.I32({tokens});
  w.host_row_sequences = host.I32({tokens});
  w.host_block_tables = host.I32({int64_t{limits.max_sequences} * limits.max_blocks_per_sequence});
  w.host_kept_rows = host.I32({static_cast<int64_t>(config.layers.size()) + 1, tokens});
  w.host_logits_rows = host.I32({limits.max_logits_rows});
  w.host_logits = host.F32({limits.max_logits_rows, config.vocab_size});
  w.host_largest = host.I32({limits.max_logits_rows});
  w.host_expert_ids = host.I32({NumMoeLayers(config) * tokens, config.moe.experts_per_token});
  w.host_weights = host.F32({NumMoeLayers(config) * tokens, config.moe.experts_per_token});
  if (config.pre_gate_distance > 0)
    w.host_committed_ids = host.I32({NumPreGatedLayers(config) * tokens, config.moe.experts_per_token});
  w.host_guessed_ids =
      host.I32({NumGuessRows(tokens), Prefetcher::NumRanks(config.moe.experts_per_token, config.moe.num_experts)});
}

}  // namespace

WorkspaceBytes MeasureWorkspace(const ModelConfig& config, const WorkspaceLimits& limits) {
  Workspace unused;
  Slicer device(nullptr);
  Slicer host(nullptr);
  LayOutDevice(config, limits, device, unused);
  LayOutHost(config, limits, host, unused);
  return {device.num_bytes(), host.num_bytes()};
}

Workspace LayOutWorkspace(const ModelConfig& config, const WorkspaceLimits& limits, void* device, void* host) {
  Workspace workspace;
  Slicer device_slicer(device);
  Slicer host_slicer(host);
  LayOutDevice(config, limits, device_slicer, workspace);
  LayOutHost(config, limits, host_slicer, workspace);
  return workspace;
}

Workspace Workspace::Slice(int64_t num_rows) const {
  Workspace w = *this;
  const int64_t num_entries = num_rows * moe.routing.expert_ids.dim(1);
  for (RowState& state : w.rows) {
    for (TensorView* view : {&state.hidden, &state.positions, &state.slots, &state.row_sequences})
      *view = view->Rows(0, num_rows);
    for (TensorView& ids : state.committed_ids) {
      if (!ids.empty()) ids = ids.Rows(0, num_rows);
    }
  }
  for (TensorView* view :
       {&w.token_ids, &w.kept_rows, &w.normed, &w.branch, &w.q, &w.k, &w.v, &w.attention, &w.dense.gate, &w.dense.up,
        &w.moe.routing.logits, &w.moe.routing.expert_ids, &w.moe.routing.weights, &w.moe.shared.gate, &w.moe.shared.up,
        &w.moe.shared_y, &w.moe.shared_logit}) {
    if (!view->empty()) *view = view->Rows(0, num_rows);
  }
  for (TensorView* view : {&w.moe.routing.token_of, &w.moe.routing.slot_of, &w.moe.dispatch.scratch, &w.moe.dispatch.y})
    *view = view->Rows(0, num_entries);
  return w;
}

}  // namespace foregate
