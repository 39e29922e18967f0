// config.json: what is accepted satisfies what the decoder relies on.
#include <cstdint>
#include <string_view>

#include "engine/formats/overlay.h"
#include "engine/model/model_config.h"
#include "kernels/base/check.h"

namespace {

void CheckOverlay(std::string_view text) {
  const auto overlay = foregate::ParseOverlay(text, "fuzz/config.json");
  if (!overlay.ok() || !overlay->has_value()) return;
  FOREGATE_CHECK(!(*overlay)->base.empty() && (*overlay)->base_directory.ends_with((*overlay)->base));
  FOREGATE_CHECK(!(*overlay)->files.empty());
  for (const auto& [name, digest] : (*overlay)->files) FOREGATE_CHECK(digest.size() == 64);
  // What is packed of it is a config without a base.
  const auto whole = foregate::ConfigWithoutOverlay(text, "fuzz/config.json");
  FOREGATE_CHECK(whole.ok());
  const auto again = foregate::ParseOverlay(*whole, "fuzz/config.json");
  FOREGATE_CHECK(again.ok() && !again->has_value());
  FOREGATE_CHECK(foregate::ParseModelConfig(*whole, "fuzz/config.json").ok() ==
                 foregate::ParseModelConfig(text, "fuzz/config.json").ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckOverlay(text);
  const auto config = foregate::ParseModelConfig(text, "fuzz/config.json");
  if (!config.ok()) return 0;
  FOREGATE_CHECK(config->hidden_size > 0 && config->vocab_size > 0 && config->max_positions > 0);
  FOREGATE_CHECK(!config->layers.empty());
  const foregate::AttentionConfig& attention = config->attention;
  FOREGATE_CHECK(attention.head_dim > 0 && attention.head_dim % 2 == 0);
  FOREGATE_CHECK(attention.num_kv_heads > 0 && attention.num_heads % attention.num_kv_heads == 0);
  const foregate::MoeConfig& moe = config->moe;
  FOREGATE_CHECK(moe.experts_per_token > 0 && moe.experts_per_token <= moe.num_experts && moe.expert_width > 0);
  FOREGATE_CHECK(config->pre_gate_distance >= 0 && config->pre_gate_distance <= foregate::kMaxPreGateDistance);
  size_t num_pre_gated = 0;
  for (size_t layer = 0; layer < config->layers.size(); ++layer) num_pre_gated += config->IsPreGated(layer);
  FOREGATE_CHECK((num_pre_gated > 0) == (config->pre_gate_distance > 0));
  FOREGATE_CHECK(config->rope_theta >= 1 && config->rms_norm_eps >= 0);
  return 0;
}
