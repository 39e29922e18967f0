// Qwen2-MoE (Qwen1.5-MoE): biases on q, k and v, a shared expert behind a sigmoid gate.
#include "engine/model/architectures/architecture.h"

namespace foregate {
namespace {

void ReadWindows(ConfigReader& reader, ModelConfig& config) {
  const bool is_used = reader.Flag("use_sliding_window", false);
  const int window = is_used && reader.Has("sliding_window") ? reader.Size({"sliding_window"}) : 0;
  if (!reader.Has("layer_types")) {
    const int windowed_layers = reader.Integer({"max_window_layers"}, 0, ConfigReader::kMaxSize, 28);
    // Every second layer, from the first, below max_window_layers: what transformers derives for this family.
    for (int layer = 0; layer < static_cast<int>(config.layers.size()); ++layer)
      config.layers[static_cast<size_t>(layer)].window = layer % 2 == 0 && layer < windowed_layers ? window : 0;
    return;
  }
  const std::vector<std::string> types = reader.Strings("layer_types");
  if (types.size() != config.layers.size()) {
    reader.Refuse("layer_types", "want one entry for each of " + std::to_string(config.layers.size()) + " layers");
    return;
  }
  for (size_t layer = 0; layer < types.size(); ++layer) {
    if (types[layer] == "sliding_attention") {
      if (window == 0) reader.Refuse("layer_types", "\"sliding_attention\" without use_sliding_window and a window");
      config.layers[layer].window = window;
    } else if (types[layer] != "full_attention") {
      reader.Unsupported("layer_types", "only \"full_attention\" and \"sliding_attention\" are supported");
    }
  }
}

}  // namespace

void ReadQwen2Moe(ConfigReader& reader, ModelConfig& config) {
  ReadTrunk(reader, 1e-6, 10'000, config);
  ReadHeads(reader, config);
  ReadExpertCount(reader, config);
  ReadSparseLayers(reader, config);
  ReadWindows(reader, config);
  config.dense_width = reader.Size({"intermediate_size"});
  config.moe.expert_width = reader.Size({"moe_intermediate_size"});
  config.moe.normalize_weights = reader.Flag("norm_topk_prob", false);
  config.moe.shared_expert_width = reader.Size({"shared_expert_intermediate_size"});
  config.moe.is_shared_expert_gated = true;
  config.attention.has_qkv_bias = reader.Flag("qkv_bias", true);
}

}  // namespace foregate
