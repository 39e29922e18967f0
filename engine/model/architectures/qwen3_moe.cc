// Qwen3-MoE: per-head q/k norms, dense layers where the config says so, no shared expert.
#include "engine/model/architectures/architecture.h"

namespace foregate {

void ReadQwen3Moe(ConfigReader& reader, ModelConfig& config) {
  ReadTrunk(reader, 1e-6, 10'000, config);
  ReadHeads(reader, config);
  ReadExpertCount(reader, config);
  ReadSparseLayers(reader, config);
  config.dense_width = reader.Size({"intermediate_size"});
  config.moe.expert_width = reader.Size({"moe_intermediate_size"});
  config.moe.normalize_weights = reader.Flag("norm_topk_prob", false);
  config.attention.qk_norm = QkNorm::kPerHead;
  config.attention.has_qkv_bias = reader.Flag("attention_bias", false);
  config.attention.has_output_bias = config.attention.has_qkv_bias;
  // transformers applies the window to every layer of this family; max_window_layers is not consulted.
  if (reader.Flag("use_sliding_window", false)) {
    const int window = reader.Has("sliding_window") ? reader.Size({"sliding_window"}) : 0;
    for (LayerConfig& layer : config.layers) layer.window = window;
  }
}

}  // namespace foregate
