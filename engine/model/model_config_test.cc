#include "engine/model/model_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace foregate {
namespace {

using nlohmann::json;

json Qwen3() {
  return {{"architectures", {"Qwen3MoeForCausalLM"}},
          {"hidden_size", 64},
          {"vocab_size", 384},
          {"max_position_embeddings", 512},
          {"num_hidden_layers", 4},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 32},
          {"intermediate_size", 96},
          {"moe_intermediate_size", 48},
          {"num_experts", 8},
          {"num_experts_per_tok", 3}};
}

json Changed(json config, const json& changes) {
  config.merge_patch(changes);  // null removes
  return config;
}

absl::StatusOr<ModelConfig> Parse(const json& config) { return ParseModelConfig(config.dump(), "dir/config.json"); }

ModelConfig Parsed(const json& config) {
  auto parsed = Parse(config);
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return parsed.ok() ? *std::move(parsed) : ModelConfig{};
}

TEST(ModelConfig, Qwen3DefaultsAreTransformers) {
  const ModelConfig config = Parsed(Qwen3());
  EXPECT_EQ(config.architecture, "qwen3_moe");
  EXPECT_EQ(config.rope_theta, 10'000);
  EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-6f);
  EXPECT_FALSE(config.moe.normalize_weights);
  EXPECT_FALSE(config.attention.has_qkv_bias);
  EXPECT_EQ(config.attention.qk_norm, QkNorm::kPerHead);
  EXPECT_EQ(config.layers.size(), 4u);
  EXPECT_TRUE(config.layers[3].is_moe);
  EXPECT_EQ(config.layers[3].window, 0);
  EXPECT_EQ(config.dense_width, 0);
}

TEST(ModelConfig, OldAndNewSpellingsMeanTheSame) {
  EXPECT_EQ(Parsed(Changed(Qwen3(), {{"rope_theta", 5e5}, {"rope_scaling", nullptr}})).rope_theta, 5e5);
  EXPECT_EQ(Parsed(Changed(Qwen3(), {{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5e5}}}})).rope_theta,
            5e5);
  const json old_name = Changed(Qwen3(), {{"num_experts", nullptr}, {"num_local_experts", 6}});
  EXPECT_EQ(Parsed(old_name).moe.num_experts, 6);
}

TEST(ModelConfig, HeadDimDefaultsToHiddenOverHeads) {
  json config = Qwen3();
  config["head_dim"] = nullptr;
  EXPECT_EQ(Parsed(config).attention.head_dim, 16);
}

TEST(ModelConfig, DenseLayersByListAndStep) {
  const ModelConfig config =
      Parsed(Changed(Qwen3(), {{"mlp_only_layers", {1, 99}}, {"decoder_sparse_step", 2}, {"num_hidden_layers", 6}}));
  std::vector<bool> is_moe;
  for (const LayerConfig& layer : config.layers) is_moe.push_back(layer.is_moe);
  EXPECT_EQ(is_moe, (std::vector<bool>{false, false, false, true, false, true}));
  EXPECT_EQ(config.dense_width, 96);
}

TEST(ModelConfig, WindowOnlyWhereItIsTurnedOn) {
  EXPECT_EQ(Parsed(Changed(Qwen3(), {{"sliding_window", 7}})).layers[0].window, 0);
  const ModelConfig qwen3 = Parsed(Changed(Qwen3(), {{"sliding_window", 7}, {"use_sliding_window", true}}));
  EXPECT_EQ(qwen3.layers[0].window, 7);
  EXPECT_EQ(qwen3.layers[3].window, 7);
  const json qwen2 = Changed(Qwen3(), {{"architectures", {"Qwen2MoeForCausalLM"}},
                                       {"shared_expert_intermediate_size", 80},
                                       {"sliding_window", 7},
                                       {"use_sliding_window", true},
                                       {"max_window_layers", 3}});
  std::vector<int32_t> windows;
  for (const LayerConfig& layer : Parsed(qwen2).layers) windows.push_back(layer.window);
  EXPECT_EQ(windows, (std::vector<int32_t>{7, 0, 7, 0}));
  const json typed =
      Changed(qwen2, {{"layer_types", {"full_attention", "sliding_attention", "full_attention", "full_attention"}}});
  EXPECT_EQ(Parsed(typed).layers[0].window, 0);
  EXPECT_EQ(Parsed(typed).layers[1].window, 7);
  EXPECT_TRUE(Parsed(qwen2).attention.has_qkv_bias);
  const json mixtral = Changed(Qwen3(), {{"architectures", {"MixtralForCausalLM"}}, {"sliding_window", 7}});
  EXPECT_EQ(Parsed(mixtral).layers[2].window, 7);
  EXPECT_TRUE(Parsed(mixtral).moe.normalize_weights);
}

TEST(ModelConfig, PreGatesChooseForSparseLayersFromTheirDistanceOn) {
  EXPECT_EQ(Parsed(Qwen3()).pre_gate_distance, 0);
  EXPECT_FALSE(Parsed(Qwen3()).IsPreGated(1));
  EXPECT_EQ(Parsed(Changed(Qwen3(), {{"foregate_pre_gate", nullptr}})).pre_gate_distance, 0);
  for (const int distance : {1, 2}) {
    // Layer 2 is dense.
    const ModelConfig config = Parsed(
        Changed(Qwen3(), {{"foregate_pre_gate", {{"version", 1}, {"distance", distance}}}, {"mlp_only_layers", {2}}}));
    EXPECT_EQ(config.pre_gate_distance, distance);
    std::vector<bool> pre_gated;
    for (size_t layer = 0; layer < 6; ++layer) pre_gated.push_back(config.IsPreGated(layer));
    EXPECT_EQ(pre_gated, (std::vector<bool>{false, distance == 1, false, true, false, false}));
  }
}

struct BadConfig {
  json changes;
  absl::StatusCode code;
  const char* part;  // of the message
};

TEST(ModelConfig, UnsupportedAndImpossibleValuesAreNamed) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnsupported = absl::StatusCode::kUnimplemented;
  const BadConfig cases[] = {
      {{{"architectures", {"LlamaForCausalLM"}}}, kUnsupported, "LlamaForCausalLM"},
      {{{"architectures", nullptr}}, kInvalid, "architectures"},
      {{{"hidden_act", "gelu"}}, kUnsupported, "hidden_act: only \"silu\""},
      {{{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}}, kUnsupported, "rope_scaling"},
      {{{"rope_parameters", {{"rope_type", "linear"}}}}, kUnsupported, "rope_parameters.rope_type"},
      {{{"rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}}}, kUnsupported, "full_attention"},
      {{{"partial_rotary_factor", 0.5}}, kUnsupported, "partial_rotary_factor"},
      {{{"rope_theta", 1e4}, {"rope_parameters", {{"rope_theta", 1e6}}}}, kInvalid, "rope_theta"},
      {{{"rope_theta", -1}}, kInvalid, "rope_theta"},
      {{{"quantization_config", {{"quant_method", "fp8"}}}}, kUnsupported, "quantization_config"},
      {{{"hidden_size", nullptr}}, kInvalid, "hidden_size: missing"},
      {{{"hidden_size", -64}}, kInvalid, "hidden_size"},
      {{{"hidden_size", 1e40}}, kInvalid, "hidden_size"},
      {{{"hidden_size", 18446744073709551615u}}, kInvalid, "hidden_size"},
      {{{"hidden_size", "64"}}, kInvalid, "hidden_size"},
      {{{"num_hidden_layers", 2000000000}}, kInvalid, "num_hidden_layers"},
      {{{"num_key_value_heads", 3}}, kInvalid, "num_key_value_heads"},
      {{{"head_dim", 31}}, kInvalid, "head_dim"},
      {{{"num_experts_per_tok", 9}}, kInvalid, "num_experts_per_tok"},
      {{{"num_local_experts", 9}}, kInvalid, "disagrees"},
      {{{"decoder_sparse_step", 0}}, kInvalid, "decoder_sparse_step"},
      {{{"mlp_only_layers", {0, 1, 2, 3}}}, kUnsupported, "no layer has experts"},
      {{{"mlp_only_layers", "all"}}, kInvalid, "mlp_only_layers"},
      {{{"rms_norm_eps", 2}}, kInvalid, "rms_norm_eps"},
      {{{"norm_topk_prob", 1}}, kInvalid, "norm_topk_prob"},
      {{{"foregate_pre_gate", 1}}, kInvalid, ": foregate_pre_gate: want an object: 1"},
      {{{"foregate_pre_gate", {{"distance", 1}}}}, kInvalid, ": foregate_pre_gate: version: missing"},
      {{{"foregate_pre_gate", {{"version", 2}, {"distance", 1}}}},
       kUnsupported,
       ": foregate_pre_gate: version: only 1 is supported: 2"},
      {{{"foregate_pre_gate", {{"version", 1}}}}, kInvalid, ": foregate_pre_gate: distance: missing"},
      {{{"foregate_pre_gate", {{"version", 1}, {"distance", 3}}}},
       kInvalid,
       ": foregate_pre_gate: distance: want an integer in [1, 2]: 3"},
      {{{"foregate_pre_gate", {{"version", 1}, {"distance", "1"}}}}, kInvalid, ": foregate_pre_gate: distance: want"},
      {{{"foregate_pre_gate", {{"version", 1}, {"distance", 1}, {"depth", 2}}}},
       kInvalid,
       ": foregate_pre_gate: depth: not known; known: version, distance: 2"},
      {{{"foregate_pre_gate", {{"version", 1}, {"distance", 2}}}, {"mlp_only_layers", {2, 3}}},
       kInvalid,
       ": foregate_pre_gate: distance: no layer from 2 on has experts: 2"},
  };
  for (const BadConfig& bad : cases) {
    const absl::Status status = Parse(Changed(Qwen3(), bad.changes)).status();
    EXPECT_EQ(status.code(), bad.code) << bad.changes << ": " << status.message();
    EXPECT_NE(status.message().find(bad.part), std::string::npos) << bad.changes << ": " << status.message();
    EXPECT_EQ(status.message().find("dir/config.json"), 0u) << status.message();
  }
}

TEST(ModelConfig, TextThatIsNoConfig) {
  for (const std::string text : {"", "{", "[]", "null", "{\"architectures\": [\"x\"], \"architectures\": []}"})
    EXPECT_EQ(ParseModelConfig(text, "c").status().code(), absl::StatusCode::kInvalidArgument) << text;
  const auto deep = ParseModelConfig("{\"a\":" + std::string(100'000, '['), "c").status();
  EXPECT_NE(deep.message().find("nested deeper"), std::string::npos) << deep.message();
  EXPECT_NE(ParseModelConfig("{\"a\":1,\"a\":2}", "c").status().message().find("twice"), std::string::npos);
}

}  // namespace
}  // namespace foregate
