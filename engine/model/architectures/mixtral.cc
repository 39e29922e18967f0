// Mixtral: every layer sparse, weights always normalised, the window applies whenever it is given.
#include "engine/model/architectures/architecture.h"

namespace foregate {

void ReadMixtral(ConfigReader& reader, ModelConfig& config) {
  ReadTrunk(reader, 1e-5, 1e6, config);
  ReadHeads(reader, config);
  ReadExpertCount(reader, config);
  const int window = reader.Has("sliding_window") ? reader.Size({"sliding_window"}) : 0;
  for (LayerConfig& layer : config.layers) layer = {.is_moe = true, .window = window};
  config.moe.expert_width = reader.Size({"intermediate_size"});
  config.moe.normalize_weights = true;
  config.names.router = "block_sparse_moe.gate";
  config.names.pre_gate = "block_sparse_moe.pre_gate";
  config.names.experts = "block_sparse_moe.experts";
  config.names.gate_proj = "w1";
  config.names.up_proj = "w3";
  config.names.down_proj = "w2";
}

}  // namespace foregate
