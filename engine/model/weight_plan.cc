#include "engine/model/weight_plan.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "engine/model/weights.h"
#include "kernels/base/status_macros.h"
#include "kernels/weights/quantize.h"

namespace foregate {
namespace {

constexpr size_t kAlignment = 64;

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

// Looks tensors up and keeps the totals.
class Planner {
 public:
  explicit Planner(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  absl::StatusOr<const Checkpoint::Tensor*> Take(const std::string& name, const std::vector<int64_t>& shape) {
    const Checkpoint::Tensor* tensor = checkpoint_.Find(name);
    if (tensor == nullptr) {
      const std::string file = checkpoint_.tensors().empty() ? "" : checkpoint_.tensors().begin()->second.file->path();
      return absl::NotFoundError("tensor " + name + ": missing from the checkpoint (" + file + ")");
    }
    const std::string where = tensor->file->path() + ": tensor " + name + ": ";
    if (tensor->entry.shape != shape)
      return absl::InvalidArgumentError(where + "shape " + ShapeText(tensor->entry.shape) + ", the config demands " +
                                        ShapeText(shape));
    if (tensor->entry.dtype == DType::kI32)
      return absl::InvalidArgumentError(where + "element type I32, want F32, BF16 or F16");
    file_bytes_ += tensor->entry.num_bytes;
    // A tied embedding is read twice and counted once.
    if (taken_.insert(name).second) num_parameters_ += tensor->entry.num_bytes / ElementBytes(tensor->entry.dtype);
    return tensor;
  }

  // The format of a matrix, as the rules say. INVALID_ARGUMENT when its sums would not fit 32 bits.
  absl::StatusOr<WeightFormat> FormatOf(const Checkpoint::Tensor& tensor, const WeightRules& rules, bool is_router) {
    const WeightFormat format = rules.FormatOf(tensor.entry.name, Checkpoint::StoredFormat(tensor));
    const int64_t num_inputs = tensor.entry.shape[1];
    if (IsQuantized(format) && GroupInputs(format, num_inputs) > kMaxGroupInputs)
      return absl::InvalidArgumentError(tensor.file->path() + ": tensor " + tensor.entry.name + ": " +
                                        WeightFormatName(format) + " takes rows of at most " +
                                        std::to_string(kMaxGroupInputs) + " inputs, this has " +
                                        std::to_string(num_inputs) + "; choose a format with groups");
    if (!is_router) formats_.insert(format);
    return format;
  }

  // Tensors that nothing took.
  absl::Status CheckNothingLeft(const ModelConfig& config) const {
    std::string names;
    int num_left = 0;
    for (const auto& [name, tensor] : checkpoint_.tensors()) {
      const bool is_harmless = std::string_view(name).ends_with("rotary_emb.inv_freq") ||
                               (config.has_tied_embeddings && name == "lm_head.weight");
      if (is_harmless || taken_.contains(name)) continue;
      constexpr int kMaxNamed = 4;
      if (num_left < kMaxNamed) names += (num_left == 0 ? "" : ", ") + name;
      ++num_left;
    }
    if (num_left == 0) return absl::OkStatus();
    return absl::InvalidArgumentError("the checkpoint has " + std::to_string(num_left) + " tensors that a " +
                                      config.architecture + " of this config has no use for: " + names +
                                      (num_left > 4 ? ", ..." : ""));
  }

  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t num_parameters() const { return num_parameters_; }
  std::string format() const { return formats_.size() == 1 ? WeightFormatName(*formats_.begin()) : "mixed"; }

 private:
  const Checkpoint& checkpoint_;
  std::set<std::string> taken_;
  std::set<WeightFormat> formats_;
  uint64_t file_bytes_ = 0;
  uint64_t num_parameters_ = 0;
};

absl::Status CheckAlike(const ExpertLayout& layout, const ExpertLayout& previous, const Checkpoint::Tensor& gate) {
  if (layout.format(Projection::kGate) == layout.format(Projection::kUp) && layout.formats == previous.formats)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      gate.entry.name + ": the gates and ups of a layer's experts must have one format, and the downs one (found " +
      WeightFormatName(layout.format(Projection::kGate)) + ", " + WeightFormatName(layout.format(Projection::kUp)) +
      ", " + WeightFormatName(layout.format(Projection::kDown)) + " after " +
      WeightFormatName(previous.format(Projection::kGate)) + ", " +
      WeightFormatName(previous.format(Projection::kDown)) + ")");
}

}  // namespace

absl::StatusOr<WeightPlan> PlanWeights(const ModelConfig& config, const Checkpoint& checkpoint,
                                       const WeightRules& rules) {
  Planner planner(checkpoint);
  std::vector<WeightPlan::Dense> dense;
  size_t dense_bytes = 0;
  ModelWeights weights;
  for (const NamedTensor& wanted : DenseTensors(config, weights)) {
    FOREGATE_ASSIGN_OR_RETURN(const Checkpoint::Tensor* tensor, planner.Take(wanted.name, wanted.shape));
    std::optional<WeightFormat> format;
    size_t num_bytes = tensor->entry.num_bytes;
    if (std::holds_alternative<WeightMatrix*>(wanted.place)) {
      const bool is_router = std::any_of(weights.layers.begin(), weights.layers.end(), [&](const LayerWeights& layer) {
        const WeightMatrix* place = std::get<WeightMatrix*>(wanted.place);
        return place == &layer.moe.gate || place == &layer.moe.shared_gate;
      });
      FOREGATE_ASSIGN_OR_RETURN(format, planner.FormatOf(*tensor, rules, is_router));
      num_bytes = PackedBytes(*format, wanted.shape[0], wanted.shape[1]);
    }
    dense.push_back({tensor, dense_bytes, num_bytes, format});
    dense_bytes += (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  std::vector<int32_t> moe_layers;
  std::vector<ExpertLayout> layouts;
  std::vector<std::array<const Checkpoint::Tensor*, 3>> expert_tensors;
  for (int32_t layer = 0; layer < static_cast<int32_t>(config.layers.size()); ++layer) {
    if (!config.layers[static_cast<size_t>(layer)].is_moe) continue;
    moe_layers.push_back(layer);
    for (int32_t expert = 0; expert < config.moe.num_experts; ++expert) {
      ExpertLayout layout{.hidden = config.hidden_size, .width = config.moe.expert_width, .formats = {}};
      std::array<const Checkpoint::Tensor*, 3> tensors = {};
      for (const Projection projection : kProjections) {
        const auto i = static_cast<size_t>(projection);
        FOREGATE_ASSIGN_OR_RETURN(tensors[i], planner.Take(ExpertTensorName(config, {layer, expert}, projection),
                                                           {layout.rows(projection), layout.columns(projection)}));
        FOREGATE_ASSIGN_OR_RETURN(layout.formats[i], planner.FormatOf(*tensors[i], rules, /*is_router=*/false));
      }
      FOREGATE_RETURN_IF_ERROR(CheckAlike(layout, expert == 0 ? layout : layouts.back(), *tensors[0]));
      layouts.push_back(layout);
      expert_tensors.push_back(tensors);
    }
  }
  FOREGATE_RETURN_IF_ERROR(planner.CheckNothingLeft(config));
  return WeightPlan{.dense = std::move(dense),
                    .dense_bytes = dense_bytes,
                    .experts = ExpertDirectory(std::move(moe_layers), config.moe.num_experts, std::move(layouts)),
                    .expert_tensors = std::move(expert_tensors),
                    .file_bytes = planner.file_bytes(),
                    .num_parameters = planner.num_parameters(),
                    .format = planner.format()};
}

}  // namespace foregate
