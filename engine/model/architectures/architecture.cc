#include "engine/model/architectures/architecture.h"

#include <algorithm>

namespace foregate {
namespace {

constexpr Architecture kArchitectures[] = {
    {"Qwen3MoeForCausalLM", "qwen3_moe", ReadQwen3Moe},
    {"Qwen2MoeForCausalLM", "qwen2_moe", ReadQwen2Moe},
    {"OlmoeForCausalLM", "olmoe", ReadOlmoe},
    {"MixtralForCausalLM", "mixtral", ReadMixtral},
};

}  // namespace

std::span<const Architecture> Architectures() { return kArchitectures; }

const Architecture* FindArchitecture(std::string_view class_name) {
  for (const Architecture& architecture : kArchitectures) {
    if (class_name == architecture.class_name) return &architecture;
  }
  return nullptr;
}

void ReadTrunk(ConfigReader& reader, double rms_norm_eps, double rope_theta, ModelConfig& config) {
  // Deepest published model: 126 layers. Longest published context: 10 million.
  constexpr int kMaxLayers = 1024;
  constexpr int kMaxPositions = 1 << 24;
  config.hidden_size = reader.Size({"hidden_size"});
  config.vocab_size = reader.Size({"vocab_size"});
  config.max_positions = reader.Integer({"max_position_embeddings"}, 1, kMaxPositions);
  config.layers.resize(static_cast<size_t>(reader.Integer({"num_hidden_layers"}, 1, kMaxLayers)));
  config.rms_norm_eps = static_cast<float>(reader.Number("rms_norm_eps", 0, 1, rms_norm_eps));
  config.has_tied_embeddings = reader.Flag("tie_word_embeddings", false);
  config.rope_theta = reader.RopeTheta(rope_theta);
  reader.RequireString("hidden_act", "silu");
}

void ReadHeads(ConfigReader& reader, ModelConfig& config) {
  AttentionConfig& attention = config.attention;
  attention.num_heads = reader.Size({"num_attention_heads"});
  attention.num_kv_heads = reader.Size({"num_key_value_heads"}, attention.num_heads);
  if (!reader.Has("head_dim") && config.hidden_size % attention.num_heads != 0)
    reader.Refuse("num_attention_heads", "does not divide hidden_size " + std::to_string(config.hidden_size));
  attention.head_dim = reader.Size({"head_dim"}, std::max(1, config.hidden_size / attention.num_heads));
  if (attention.num_heads % attention.num_kv_heads != 0)
    reader.Refuse("num_key_value_heads", "does not divide num_attention_heads " + std::to_string(attention.num_heads));
  if (attention.head_dim % 2 != 0)
    reader.Refuse("head_dim", "must be even for rotary embedding, is " + std::to_string(attention.head_dim));
  if (static_cast<int64_t>(attention.num_heads) * attention.head_dim > ConfigReader::kMaxSize)
    reader.Refuse("num_attention_heads", "times head_dim exceeds " + std::to_string(ConfigReader::kMaxSize));
}

void ReadExpertCount(ConfigReader& reader, ModelConfig& config) {
  constexpr int kMaxExperts = 1 << 16;
  MoeConfig& moe = config.moe;
  moe.num_experts = reader.Integer({"num_experts", "num_local_experts"}, 1, kMaxExperts);
  moe.experts_per_token = reader.Integer({"num_experts_per_tok"}, 1, kMaxExperts);
  if (moe.experts_per_token > moe.num_experts)
    reader.Refuse("num_experts_per_tok", "exceeds the number of experts " + std::to_string(moe.num_experts));
}

void ReadSparseLayers(ConfigReader& reader, ModelConfig& config) {
  const int num_layers = static_cast<int>(config.layers.size());
  const int step = reader.Integer({"decoder_sparse_step"}, 1, ConfigReader::kMaxSize, 1);
  // Published configs list layers that the model does not have; they mean nothing.
  const std::vector<int32_t> dense = reader.Integers("mlp_only_layers", 0, ConfigReader::kMaxSize);
  for (int layer = 0; layer < num_layers; ++layer) {
    const bool is_listed = std::find(dense.begin(), dense.end(), layer) != dense.end();
    config.layers[static_cast<size_t>(layer)].is_moe = !is_listed && (layer + 1) % step == 0;
  }
}

}  // namespace foregate
