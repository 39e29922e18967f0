// OLMoE: q/k norms over the whole projection, optional clamp of q, k and v behind them, every layer sparse.
#include "engine/model/architectures/architecture.h"

namespace foregate {

void ReadOlmoe(ConfigReader& reader, ModelConfig& config) {
  ReadTrunk(reader, 1e-5, 10'000, config);
  ReadHeads(reader, config);
  ReadExpertCount(reader, config);
  reader.RequireAbsent("sliding_window");
  for (LayerConfig& layer : config.layers) layer.is_moe = true;
  // The family calls an expert's width intermediate_size.
  config.moe.expert_width = reader.Size({"intermediate_size"});
  config.moe.normalize_weights = reader.Flag("norm_topk_prob", false);
  config.attention.qk_norm = QkNorm::kFullWidth;
  config.attention.has_qkv_bias = reader.Flag("attention_bias", false);
  config.attention.has_output_bias = config.attention.has_qkv_bias;
  if (reader.Has("clip_qkv")) {
    config.attention.qkv_limit = static_cast<float>(reader.Number("clip_qkv", 0, 1e30));
    if (config.attention.qkv_limit == 0) reader.Refuse("clip_qkv", "a limit of zero erases attention");
  }
}

}  // namespace foregate
