#include "engine/model/gguf/tensor_names.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

enum class Kind : uint8_t {
  kPlain,
  kQuery,    // interleaved in "llama"
  kKey,      // interleaved in "llama"
  kVector,   // [H] for our [1, H]
  kExperts,  // [E, rows, columns]
  kGateUp,   // [E, 2 * rows, columns], gate above up
};

// `name` behind "blk.<i>.", ours behind "model.layers.<i>.".
struct BlockTensor {
  std::string_view name;
  std::string ours;
  Kind kind = Kind::kPlain;
};

std::vector<BlockTensor> BlockTensors(const TensorNames& names) {
  return {
      {"attn_norm.weight", "input_layernorm.weight"},
      {"ffn_norm.weight", "post_attention_layernorm.weight"},
      {"attn_q.weight", "self_attn.q_proj.weight", Kind::kQuery},
      {"attn_q.bias", "self_attn.q_proj.bias", Kind::kQuery},
      {"attn_k.weight", "self_attn.k_proj.weight", Kind::kKey},
      {"attn_k.bias", "self_attn.k_proj.bias", Kind::kKey},
      {"attn_v.weight", "self_attn.v_proj.weight"},
      {"attn_v.bias", "self_attn.v_proj.bias"},
      {"attn_q_norm.weight", "self_attn.q_norm.weight"},
      {"attn_k_norm.weight", "self_attn.k_norm.weight"},
      {"attn_output.weight", "self_attn.o_proj.weight"},
      {"attn_output.bias", "self_attn.o_proj.bias"},
      {"ffn_gate.weight", "mlp.gate_proj.weight"},
      {"ffn_up.weight", "mlp.up_proj.weight"},
      {"ffn_down.weight", "mlp.down_proj.weight"},
      {"ffn_gate_inp.weight", names.router + ".weight"},
      {"ffn_gate_exps.weight", names.gate_proj, Kind::kExperts},
      {"ffn_up_exps.weight", names.up_proj, Kind::kExperts},
      {"ffn_down_exps.weight", names.down_proj, Kind::kExperts},
      {"ffn_gate_up_exps.weight", "", Kind::kGateUp},
      {"ffn_gate_shexp.weight", names.shared_expert + ".gate_proj.weight"},
      {"ffn_up_shexp.weight", names.shared_expert + ".up_proj.weight"},
      {"ffn_down_shexp.weight", names.shared_expert + ".down_proj.weight"},
      {"ffn_gate_inp_shexp.weight", names.shared_expert_gate + ".weight", Kind::kVector},
  };
}

// A number as files write it: no sign, no leading zeros.
std::optional<int32_t> Number(std::string_view text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(number) != text) return std::nullopt;
  return number < 0 ? std::nullopt : std::optional(number);
}

// "ffn_up.3.weight", as converters wrote experts in 2023.
std::optional<std::string> OneExpert(std::string_view name, const TensorNames& names) {
  constexpr std::string_view kWeight = ".weight";
  if (!name.ends_with(kWeight)) return std::nullopt;
  const std::pair<std::string_view, const std::string&> matrices[] = {
      {"ffn_gate.", names.gate_proj}, {"ffn_up.", names.up_proj}, {"ffn_down.", names.down_proj}};
  for (const auto& [prefix, matrix] : matrices) {
    if (!name.starts_with(prefix) || name.size() < prefix.size() + kWeight.size()) continue;
    const std::optional<int32_t> expert =
        Number(name.substr(prefix.size(), name.size() - prefix.size() - kWeight.size()));
    if (expert) return names.experts + "." + std::to_string(*expert) + "." + matrix + ".weight";
  }
  return std::nullopt;
}

class Slicer {
 public:
  Slicer(const GgufTensor& tensor, const ModelConfig& config, const std::string& file)
      : tensor_(tensor), config_(config), where_(file + ": tensor \"" + tensor.name + "\": ") {}

  absl::StatusOr<std::vector<GgufSlice>> Run() const {
    const std::string_view name = tensor_.name;
    if (name == "token_embd.weight") return Whole("model.embed_tokens.weight");
    if (name == "output_norm.weight") return Whole("model.norm.weight");
    if (name == "output.weight") return Whole("lm_head.weight");
    if (!name.starts_with("blk.")) return Whole(tensor_.name);
    const size_t dot = name.find('.', 4);
    const std::optional<int32_t> layer = dot == name.npos ? std::nullopt : Number(name.substr(4, dot - 4));
    if (!layer) return Whole(tensor_.name);
    return Block("model.layers." + std::to_string(*layer) + ".", name.substr(dot + 1));
  }

 private:
  absl::StatusOr<std::vector<GgufSlice>> Block(const std::string& prefix, std::string_view name) const {
    for (const BlockTensor& known : BlockTensors(config_.names)) {
      if (known.name != name) continue;
      switch (known.kind) {
        case Kind::kQuery:
          return Interleaved(prefix + known.ours, config_.attention.num_heads);
        case Kind::kKey:
          return Interleaved(prefix + known.ours, config_.attention.num_kv_heads);
        case Kind::kVector:
          return Vector(prefix + known.ours);
        case Kind::kExperts:
          return Experts(prefix, {known.ours});
        case Kind::kGateUp:
          return Experts(prefix, {config_.names.gate_proj, config_.names.up_proj});
        case Kind::kPlain:
          return Whole(prefix + known.ours);
      }
    }
    const std::optional<std::string> expert = OneExpert(name, config_.names);
    return Whole(expert ? prefix + *expert : tensor_.name);
  }

  std::vector<GgufSlice> Whole(std::string name) const { return {{std::move(name), tensor_.shape, 0, 0}}; }

  absl::StatusOr<std::vector<GgufSlice>> Interleaved(std::string name, int32_t num_heads) const {
    if (config_.architecture != "mixtral") return Whole(std::move(name));
    if (tensor_.shape[0] % (2 * int64_t{num_heads}) != 0)
      return absl::InvalidArgumentError(where_ + std::to_string(tensor_.shape[0]) + " rows are no " +
                                        std::to_string(num_heads) + " heads of an even size");
    return std::vector<GgufSlice>{{std::move(name), tensor_.shape, 0, num_heads}};
  }

  std::vector<GgufSlice> Vector(std::string name) const {
    std::vector<int64_t> shape = tensor_.shape;
    if (shape.size() == 1) shape.insert(shape.begin(), 1);
    return {{std::move(name), std::move(shape), 0, 0}};
  }

  // Each expert's matrices, one above the other.
  absl::StatusOr<std::vector<GgufSlice>> Experts(const std::string& prefix,
                                                 const std::vector<std::string>& matrices) const {
    const auto num_matrices = static_cast<int64_t>(matrices.size());
    if (tensor_.shape.size() != 3 || tensor_.shape[0] != config_.moe.num_experts ||
        tensor_.shape[1] % num_matrices != 0)
      return absl::InvalidArgumentError(where_ + "want three extents, the outermost " +
                                        std::to_string(config_.moe.num_experts) + " experts");
    const std::vector<int64_t> shape = {tensor_.shape[1] / num_matrices, tensor_.shape[2]};
    const uint64_t num_elements = static_cast<uint64_t>(shape[0]) * static_cast<uint64_t>(shape[1]);
    std::vector<GgufSlice> slices;
    uint64_t first = 0;
    for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
      for (const std::string& matrix : matrices) {
        slices.push_back({prefix + config_.names.experts + "." + std::to_string(expert) + "." + matrix + ".weight",
                          shape, first, 0});
        first += num_elements;
      }
    }
    return slices;
  }

  const GgufTensor& tensor_;
  const ModelConfig& config_;
  const std::string where_;
};

}  // namespace

absl::StatusOr<std::vector<GgufSlice>> SlicesOfGgufTensor(const GgufTensor& tensor, const ModelConfig& config,
                                                          const std::string& file) {
  return Slicer(tensor, config, file).Run();
}

}  // namespace foregate
