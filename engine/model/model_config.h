// ModelConfig: the hyper-parameters of a checkpoint as typed, checked values, and the names of its tensors.
//
// The family's file in engine/model/architectures fills it from config.json; nothing behind it knows the family.
#ifndef FOREGATE_ENGINE_MODEL_MODEL_CONFIG_H_
#define FOREGATE_ENGINE_MODEL_MODEL_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/api/kernels.h"

namespace foregate {

enum class QkNorm : uint8_t {
  kNone,
  kPerHead,    // weights [head_dim], each head on its own
  kFullWidth,  // weights [heads * head_dim], one norm over the whole projection
};

struct AttentionConfig {
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  bool has_qkv_bias = false;
  bool has_output_bias = false;
  QkNorm qk_norm = QkNorm::kNone;
  float qkv_limit = 0;  // clamp of q, k and v to [-limit, limit] after the norms; 0: none
};

struct MoeConfig {
  int32_t num_experts = 0;
  int32_t experts_per_token = 0;
  int32_t expert_width = 0;
  RouterScoring scoring = RouterScoring::kSoftmax;
  bool normalize_weights = false;
  int32_t shared_expert_width = 0;  // 0: no shared expert
  bool is_shared_expert_gated = false;
};

struct LayerConfig {
  bool is_moe = false;
  int32_t window = 0;  // sliding window in tokens; 0: unlimited
};

// Names below "model.layers.<i>."; an expert's tensor is <experts>.<e>.<gate_proj>.weight.
struct TensorNames {
  std::string router = "mlp.gate";
  std::string pre_gate = "mlp.pre_gate";
  std::string experts = "mlp.experts";
  std::string gate_proj = "gate_proj";
  std::string up_proj = "up_proj";
  std::string down_proj = "down_proj";
  std::string shared_expert = "mlp.shared_expert";
  std::string shared_expert_gate = "mlp.shared_expert_gate";
};

struct ModelConfig {
  std::string architecture;  // "qwen3_moe"
  int32_t hidden_size = 0;
  int32_t vocab_size = 0;
  int32_t max_positions = 0;
  int32_t dense_width = 0;  // of layers without experts; 0 when there is none
  float rms_norm_eps = 0;
  double rope_theta = 0;
  bool has_tied_embeddings = false;
  AttentionConfig attention;
  MoeConfig moe;
  std::vector<LayerConfig> layers;
  TensorNames names;
  // From the layer where a pre-gate chooses experts to the layer where they are (docs/pre_gate.md); 0: no pre-gates.
  int32_t pre_gate_distance = 0;

  // Whether a pre-gate chooses the layer's experts. False behind the last layer, so that layer + distance may be asked.
  bool IsPreGated(size_t layer) const {
    return pre_gate_distance > 0 && layer >= static_cast<size_t>(pre_gate_distance) && layer < layers.size() &&
           layers[layer].is_moe;
  }
};
inline constexpr int32_t kMaxPreGateDistance = 2;

// Reads config.json. `file` names it in errors. INVALID_ARGUMENT for a missing, ill-typed or impossible value,
// UNIMPLEMENTED for a feature that is not supported; each names the key and the value.
absl::StatusOr<ModelConfig> ParseModelConfig(std::string_view json, const std::string& file);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_MODEL_CONFIG_H_
