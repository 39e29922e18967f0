// The KV layouts of a model: which planes its attention keeps, in which dtype.
#ifndef FOREGATE_ENGINE_MODEL_KV_PLANES_H_
#define FOREGATE_ENGINE_MODEL_KV_PLANES_H_

#include <vector>

#include "engine/kv/kv_layout.h"
#include "engine/model/model_config.h"

namespace foregate {

// One per layer. `dtype` is kF32 or kBf16.
std::vector<KvLayout> MakeKvLayouts(const ModelConfig& config, DType dtype);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_KV_PLANES_H_
