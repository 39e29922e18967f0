#include "engine/model/weights.h"

#include <utility>

namespace foregate {
namespace {

using Shape = std::vector<int64_t>;

std::string LayerPrefix(size_t layer) { return "model.layers." + std::to_string(layer) + "."; }

void AddAttention(const ModelConfig& config, const std::string& prefix, AttentionWeights& weights,
                  std::vector<NamedTensor>& tensors) {
  const AttentionConfig& attention = config.attention;
  const int64_t q_width = static_cast<int64_t>(attention.num_heads) * attention.head_dim;
  const int64_t kv_width = static_cast<int64_t>(attention.num_kv_heads) * attention.head_dim;
  const int64_t hidden = config.hidden_size;
  const auto add = [&](const char* name, Shape shape, auto& place) {
    tensors.push_back({prefix + "self_attn." + name, std::move(shape), &place});
  };
  add("q_proj.weight", {q_width, hidden}, weights.q);
  add("k_proj.weight", {kv_width, hidden}, weights.k);
  add("v_proj.weight", {kv_width, hidden}, weights.v);
  if (attention.has_qkv_bias) {
    add("q_proj.bias", {q_width}, weights.q_bias);
    add("k_proj.bias", {kv_width}, weights.k_bias);
    add("v_proj.bias", {kv_width}, weights.v_bias);
  }
  if (attention.qk_norm != QkNorm::kNone) {
    const bool is_full = attention.qk_norm == QkNorm::kFullWidth;
    add("q_norm.weight", {is_full ? q_width : attention.head_dim}, weights.q_norm);
    add("k_norm.weight", {is_full ? kv_width : attention.head_dim}, weights.k_norm);
  }
  add("o_proj.weight", {hidden, q_width}, weights.output);
  if (attention.has_output_bias) add("o_proj.bias", {hidden}, weights.o_bias);
}

void AddFfn(const ModelConfig& config, const std::string& prefix, int64_t width, DenseFfnWeights& weights,
            std::vector<NamedTensor>& tensors) {
  const int64_t hidden = config.hidden_size;
  tensors.push_back({prefix + ".gate_proj.weight", {width, hidden}, &weights.gate});
  tensors.push_back({prefix + ".up_proj.weight", {width, hidden}, &weights.up});
  tensors.push_back({prefix + ".down_proj.weight", {hidden, width}, &weights.down});
}

}  // namespace

std::vector<NamedTensor> DenseTensors(const ModelConfig& config, ModelWeights& weights) {
  const int64_t hidden = config.hidden_size;
  std::vector<NamedTensor> tensors;
  tensors.push_back({"model.embed_tokens.weight", {config.vocab_size, hidden}, &weights.embedding});
  weights.layers.resize(config.layers.size());
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const std::string prefix = LayerPrefix(i);
    LayerWeights& layer = weights.layers[i];
    tensors.push_back({prefix + "input_layernorm.weight", {hidden}, &layer.input_norm});
    AddAttention(config, prefix, layer.attention, tensors);
    tensors.push_back({prefix + "post_attention_layernorm.weight", {hidden}, &layer.post_attention_norm});
    if (!config.layers[i].is_moe) {
      AddFfn(config, prefix + "mlp", config.dense_width, layer.dense, tensors);
      continue;
    }
    tensors.push_back({prefix + config.names.router + ".weight", {config.moe.num_experts, hidden}, &layer.moe.gate});
    if (config.IsPreGated(i)) {
      tensors.push_back(
          {prefix + config.names.pre_gate + ".weight", {config.moe.num_experts, hidden}, &layer.moe.pre_gate});
    }
    if (config.moe.shared_expert_width == 0) continue;
    AddFfn(config, prefix + config.names.shared_expert, config.moe.shared_expert_width, layer.moe.shared, tensors);
    if (config.moe.is_shared_expert_gated)
      tensors.push_back({prefix + config.names.shared_expert_gate + ".weight", {1, hidden}, &layer.moe.shared_gate});
  }
  tensors.push_back({"model.norm.weight", {hidden}, &weights.final_norm});
  const char* head = config.has_tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  tensors.push_back({head, {config.vocab_size, hidden}, &weights.lm_head});
  return tensors;
}

std::string ExpertTensorName(const ModelConfig& config, ExpertKey key, Projection projection) {
  const TensorNames& names = config.names;
  const std::string& matrix = projection == Projection::kGate ? names.gate_proj
                              : projection == Projection::kUp ? names.up_proj
                                                              : names.down_proj;
  return LayerPrefix(static_cast<size_t>(key.layer)) + names.experts + "." + std::to_string(key.expert) + "." + matrix +
         ".weight";
}

}  // namespace foregate
