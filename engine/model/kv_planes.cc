#include "engine/model/kv_planes.h"

#include <utility>

namespace foregate {

std::vector<KvLayout> MakeKvLayouts(const ModelConfig& config, DType dtype) {
  std::vector<KvLayout> layouts;
  for (const LayerConfig& layer : config.layers) {
    KvLayout layout;
    for (const char* name : {"keys", "values"})
      layout.planes.push_back({name, config.attention.num_kv_heads, config.attention.head_dim, dtype});
    layout.window = layer.window;
    layouts.push_back(std::move(layout));
  }
  return layouts;
}

}  // namespace foregate
