// ModelWeights: named views of a model's dense weights, in device memory. The bytes belong to the loader's arena.
#ifndef FOREGATE_ENGINE_MODEL_WEIGHTS_H_
#define FOREGATE_ENGINE_MODEL_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/model/model_config.h"
#include "engine/moe/dense_ffn.h"
#include "engine/moe/expert_directory.h"
#include "engine/moe/moe_layer.h"
#include "kernels/api/tensor_view.h"

namespace foregate {

struct AttentionWeights {
  WeightMatrix q;                             // [heads * D, H]
  WeightMatrix k, v;                          // [kv_heads * D, H]
  WeightMatrix output;                        // [H, heads * D]
  TensorView q_bias, k_bias, v_bias, o_bias;  // absent without bias
  TensorView q_norm, k_norm;                  // [D] or [heads * D]; absent without norms
};

struct LayerWeights {
  TensorView input_norm;           // [H]
  TensorView post_attention_norm;  // [H]
  AttentionWeights attention;
  DenseFfnWeights dense;  // of a layer without experts
  MoeWeights moe;         // of a layer with experts; their matrices are in the expert cache
};

struct ModelWeights {
  WeightMatrix embedding;  // [vocab, H]; rows are looked up
  TensorView final_norm;   // [H]
  WeightMatrix lm_head;    // [vocab, H]; when tied and in the embedding's format, that matrix
  std::vector<LayerWeights> layers;
};

// A tensor that the model needs, and what stands for it: a matrix, which is packed, or a vector, which lies in memory
// as in the checkpoint.
struct NamedTensor {
  std::string name;  // in the checkpoint
  std::vector<int64_t> shape;
  std::variant<TensorView*, WeightMatrix*> place;
};

// Every dense tensor of the model in the order of the computation, first the embedding, last the lm_head; the places
// are those of `weights`, whose layers are resized. A tied lm_head is the embedding's name a second time.
std::vector<NamedTensor> DenseTensors(const ModelConfig& config, ModelWeights& weights);

// The checkpoint's name of one matrix of an expert.
std::string ExpertTensorName(const ModelConfig& config, ExpertKey key, Projection projection);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_WEIGHTS_H_
