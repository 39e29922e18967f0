#include "engine/model/gguf/config_json.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/status.h"
#include "engine/model/gguf/metadata_reader.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using nlohmann::json;

// The families as GGUF spells them. Rotary rows of "llama" are interleaved in the file (tensor_names.h).
struct Family {
  const char* architecture;
  const char* class_name;
  void (*add)(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, json& config);
};

constexpr int64_t kMaxLayers = 1024;

std::string BlockName(int64_t layer, const char* name) { return "blk." + std::to_string(layer) + "." + name; }

const GgufTensor* Find(const GgufTensorMap& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : found->second;
}

// The second last extent (the rows) of the first layer's tensor of this name.
std::optional<int64_t> RowsOf(const GgufTensorMap& tensors, int64_t num_layers, const char* name) {
  for (int64_t layer = 0; layer < num_layers; ++layer) {
    const GgufTensor* tensor = Find(tensors, BlockName(layer, name));
    if (tensor != nullptr && tensor->shape.size() >= 2) return tensor->shape[tensor->shape.size() - 2];
  }
  return std::nullopt;
}

// A width that the file gives under `key`, or else a tensor's shape does.
void AddWidth(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, const char* key,
              const char* tensor, const char* name, json& config) {
  std::optional<int64_t> width = reader.OptionalInteger(key);
  if (!width) width = RowsOf(tensors, num_layers, tensor);
  if (!width) reader.Refuse(key, std::string("missing, and there is no ") + tensor);
  config[name] = width.value_or(0);
}

void AddSparseLayers(const GgufTensorMap& tensors, int64_t num_layers, json& config) {
  config["mlp_only_layers"] = json::array();
  for (int64_t layer = 0; layer < num_layers; ++layer) {
    if (Find(tensors, BlockName(layer, "ffn_gate_inp.weight")) == nullptr) config["mlp_only_layers"].push_back(layer);
  }
}

// The width of dense layers, which a model without them need not have.
void AddDenseWidth(GgufMetadataReader& reader, json& config) {
  config["intermediate_size"] = reader.Integer("feed_forward_length", config["moe_intermediate_size"].get<int64_t>());
}

void AddQwen3Moe(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, json& config) {
  AddWidth(reader, tensors, num_layers, "expert_feed_forward_length", "ffn_up_exps.weight", "moe_intermediate_size",
           config);
  AddDenseWidth(reader, config);
  AddSparseLayers(tensors, num_layers, config);
  config["norm_topk_prob"] = reader.OptionalBool("expert_weights_norm").value_or(true);
  config["attention_bias"] = Find(tensors, "blk.0.attn_q.bias") != nullptr;
  reader.RequireNumber("attention.sliding_window", 0);
}

void AddQwen2Moe(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, json& config) {
  AddWidth(reader, tensors, num_layers, "expert_feed_forward_length", "ffn_up_exps.weight", "moe_intermediate_size",
           config);
  AddWidth(reader, tensors, num_layers, "expert_shared_feed_forward_length", "ffn_up_shexp.weight",
           "shared_expert_intermediate_size", config);
  AddDenseWidth(reader, config);
  AddSparseLayers(tensors, num_layers, config);
  config["norm_topk_prob"] = reader.OptionalBool("expert_weights_norm").value_or(false);
  config["qkv_bias"] = Find(tensors, "blk.0.attn_q.bias") != nullptr;
  reader.RequireNumber("attention.sliding_window", 0);
}

void AddOlmoe(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, json& config) {
  AddWidth(reader, tensors, num_layers, "feed_forward_length", "ffn_up_exps.weight", "intermediate_size", config);
  config["norm_topk_prob"] = reader.OptionalBool("expert_weights_norm").value_or(false);
  config["attention_bias"] = Find(tensors, "blk.0.attn_q.bias") != nullptr;
  const std::optional<double> limit = reader.OptionalNumber("attention.clamp_kqv");
  if (limit && *limit != 0) config["clip_qkv"] = *limit;
  reader.RequireNumber("attention.sliding_window", 0);
}

void AddMixtral(GgufMetadataReader& reader, const GgufTensorMap&, int64_t, json& config) {
  config["intermediate_size"] = reader.Integer("feed_forward_length");
  const std::optional<int64_t> window = reader.OptionalInteger("attention.sliding_window");
  if (window && *window != 0) config["sliding_window"] = *window;
  const std::optional<bool> is_normalized = reader.OptionalBool("expert_weights_norm");
  if (is_normalized && !*is_normalized) reader.Unsupported("expert_weights_norm", "only true is supported");
}

constexpr Family kFamilies[] = {
    {"qwen3moe", "Qwen3MoeForCausalLM", AddQwen3Moe},
    {"qwen2moe", "Qwen2MoeForCausalLM", AddQwen2Moe},
    {"olmoe", "OlmoeForCausalLM", AddOlmoe},
    {"llama", "MixtralForCausalLM", AddMixtral},
};

absl::StatusOr<const Family*> FindFamily(const GgufHeader& metadata) {
  const std::string where = metadata.file() + ": metadata \"general.architecture\": ";
  const GgufValue* value = metadata.Find("general.architecture");
  const std::optional<std::string_view> name = value == nullptr ? std::nullopt : value->AsString();
  if (!name) return absl::InvalidArgumentError(where + "missing or not a string");
  std::string supported;
  for (const Family& family : kFamilies) {
    if (*name == family.architecture) return &family;
    supported += (supported.empty() ? "" : ", ") + std::string(family.architecture);
  }
  std::string shown;
  for (const char c : name->substr(0, 64)) shown += c >= ' ' && c <= '~' ? c : '?';
  return absl::UnimplementedError(where + "\"" + shown + "\" is not supported; supported: " + supported);
}

void AddTrunk(GgufMetadataReader& reader, const GgufTensorMap& tensors, int64_t num_layers, json& config) {
  config["num_hidden_layers"] = num_layers;
  config["hidden_size"] = reader.Integer("embedding_length");
  config["max_position_embeddings"] = reader.Integer("context_length");
  config["rms_norm_eps"] = reader.Number("attention.layer_norm_rms_epsilon");
  const std::optional<double> theta = reader.OptionalNumber("rope.freq_base");
  config["rope_theta"] = theta.value_or(10'000);
  const GgufTensor* embedding = Find(tensors, "token_embd.weight");
  // A missing one is told when the weights are planned.
  config["vocab_size"] = embedding != nullptr && embedding->shape.size() == 2 ? embedding->shape[0] : 1;
  config["tie_word_embeddings"] = Find(tensors, "output.weight") == nullptr;
}

void AddHeads(GgufMetadataReader& reader, json& config) {
  const int64_t num_heads = reader.Integer("attention.head_count");
  config["num_attention_heads"] = num_heads;
  config["num_key_value_heads"] = reader.Integer("attention.head_count_kv", num_heads);
  const int64_t hidden = config["hidden_size"].get<int64_t>();
  const int64_t head_dim =
      reader.Integer("attention.key_length", num_heads > 0 && hidden % num_heads == 0 ? hidden / num_heads : 0);
  config["head_dim"] = head_dim;
  reader.RequireNumber("attention.value_length", static_cast<double>(head_dim));
  reader.RequireNumber("rope.dimension_count", static_cast<double>(head_dim));
}

// What these families' files may say and we do not compute.
void RefuseFeatures(GgufMetadataReader& reader) {
  reader.RequireString("rope.scaling.type", "none");
  reader.RequireNumber("rope.scale_linear", 1);
  reader.RequireNumber("expert_gating_func", 1);
  reader.RequireNumber("expert_weights_scale", 1);
  reader.RequireNumber("expert_group_count", 1);
  reader.RequireNumber("logit_scale", 1);
  reader.RequireNumber("embedding_scale", 1);
  reader.RequireNumber("residual_scale", 1);
  for (const char* key : {"attention.scale", "attn_logit_softcapping", "final_logit_softcapping"}) {
    if (reader.OptionalNumber(key)) reader.Unsupported(key, "not supported");
  }
}

}  // namespace

absl::StatusOr<std::string> GgufConfigJson(const GgufHeader& metadata, const GgufTensorMap& tensors) {
  FOREGATE_ASSIGN_OR_RETURN(const Family* family, FindFamily(metadata));
  GgufMetadataReader reader(metadata, family->architecture);
  const int64_t num_layers = reader.Integer("block_count");
  if (num_layers > kMaxLayers) reader.Refuse("block_count", "more than " + std::to_string(kMaxLayers) + " layers");
  FOREGATE_RETURN_IF_ERROR(reader.status());
  if (reader.Integer("expert_count", 0) == 0) reader.Unsupported("expert_count", "a model without experts");
  json config = {{"architectures", {family->class_name}}, {"hidden_act", "silu"}};
  config["num_experts"] = reader.Integer("expert_count", 0);
  config["num_experts_per_tok"] = reader.Integer("expert_used_count");
  AddTrunk(reader, tensors, num_layers, config);
  AddHeads(reader, config);
  RefuseFeatures(reader);
  family->add(reader, tensors, num_layers, config);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  return config.dump();
}

}  // namespace foregate
