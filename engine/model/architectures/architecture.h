// The table of model families. Adding one: a file in this directory that fills a ModelConfig (hyper-parameters, tensor
// names, layer recipe), a line in architecture.cc, a golden in tests/data/models.
#ifndef FOREGATE_ENGINE_MODEL_ARCHITECTURES_ARCHITECTURE_H_
#define FOREGATE_ENGINE_MODEL_ARCHITECTURES_ARCHITECTURE_H_

#include <span>
#include <string_view>

#include "engine/formats/config_reader.h"
#include "engine/model/model_config.h"

namespace foregate {

struct Architecture {
  const char* class_name;  // as in config.json's "architectures"
  const char* id;          // as in its "model_type"
  void (*read)(ConfigReader& reader, ModelConfig& config);
};

std::span<const Architecture> Architectures();
// Null when the family is not supported.
const Architecture* FindArchitecture(std::string_view class_name);

void ReadQwen3Moe(ConfigReader& reader, ModelConfig& config);
void ReadQwen2Moe(ConfigReader& reader, ModelConfig& config);
void ReadOlmoe(ConfigReader& reader, ModelConfig& config);
void ReadMixtral(ConfigReader& reader, ModelConfig& config);

// Parts that several families have in common.

// hidden_size, vocab_size, max_position_embeddings, num_hidden_layers, rms_norm_eps, tied embeddings, rotary base.
void ReadTrunk(ConfigReader& reader, double rms_norm_eps, double rope_theta, ModelConfig& config);
// num_attention_heads, num_key_value_heads (all heads when absent), head_dim (hidden size over heads when absent).
void ReadHeads(ConfigReader& reader, ModelConfig& config);
// num_experts and num_experts_per_tok.
void ReadExpertCount(ConfigReader& reader, ModelConfig& config);
// Qwen's recipe: a layer is dense when listed in mlp_only_layers or when decoder_sparse_step passes over it.
void ReadSparseLayers(ConfigReader& reader, ModelConfig& config);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_ARCHITECTURES_ARCHITECTURE_H_
