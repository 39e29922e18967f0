#include "engine/model/weight_plan.h"

#include <algorithm>
#include <iterator>
#include <map>
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

constexpr size_t kAlignment = 64;  // of a tensor in the arena

size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

// A tensor as its source has it.
struct FoundTensor {
  const Checkpoint::Tensor* tensor = nullptr;  // of a checkpoint
  std::string where;                           // "FILE: tensor NAME: "
  DType stored = DType::kF32;                  // of a tensor that stays as it is
  WeightFormat format = WeightFormat::kF32;    // of a matrix: what holds it as it is stored, or as it is packed
};

// Where the tensors that the config demands are looked up.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  // Fails when it is not there or has another shape.
  virtual absl::StatusOr<FoundTensor> Find(const std::string& name, const std::vector<int64_t>& shape) = 0;
  // Whether its matrices may get another format than they have.
  virtual bool is_packed() const = 0;
};

absl::Status CheckShape(const std::string& where, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& demanded) {
  if (shape == demanded) return absl::OkStatus();
  return absl::InvalidArgumentError(where + "shape " + ShapeText(shape) + ", the config demands " +
                                    ShapeText(demanded));
}

class CheckpointSource : public TensorSource {
 public:
  explicit CheckpointSource(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  absl::StatusOr<FoundTensor> Find(const std::string& name, const std::vector<int64_t>& shape) override {
    const Checkpoint::Tensor* tensor = checkpoint_.Find(name);
    if (tensor == nullptr) {
      const std::string file = checkpoint_.tensors().empty() ? "" : checkpoint_.tensors().begin()->second.file->path();
      return absl::NotFoundError("tensor " + name + ": missing from the checkpoint (" + file + ")");
    }
    const std::string where = tensor->file->path() + ": tensor " + name + ": ";
    FOREGATE_RETURN_IF_ERROR(CheckShape(where, tensor->entry.shape, shape));
    if (tensor->entry.dtype == DType::kI32)
      return absl::InvalidArgumentError(where + "element type I32, want F32, BF16 or F16");
    taken_.insert(name);
    return FoundTensor{tensor, where, tensor->entry.dtype, Checkpoint::StoredFormat(*tensor)};
  }
  bool is_packed() const override { return false; }

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

 private:
  const Checkpoint& checkpoint_;
  std::set<std::string> taken_;
};

// The directory's tensors by name. Places are not looked at: who uses the plan compares its own. Of tied weights in two
// formats the embedding is the first of its name, the lm_head the second.
class ContainerSource : public TensorSource {
 public:
  ContainerSource(const ModelConfig& config, const ContainerDirectory& directory, const std::string& file)
      : file_(file) {
    for (const ContainerDirectory::Tensor& tensor : directory.tensors) {
      Entry& entry = entries_.emplace(tensor.name, Entry())->second;
      entry.shape = tensor.shape;
      entry.num_bytes = tensor.num_bytes;
      if (tensor.format.has_value()) entry.found.format = *tensor.format;
      entry.found.stored = tensor.stored;
    }
    for (const ContainerDirectory::Expert& expert : directory.experts) {
      const ExpertLayout layout{.hidden = expert.hidden, .width = expert.width, .formats = {}};
      for (const ContainerDirectory::Part& part : expert.parts) {
        const std::string name = ExpertTensorName(config, {expert.layer, expert.expert}, part.projection);
        Entry& entry = entries_.emplace(name, Entry())->second;
        entry.shape = {layout.rows(part.projection), layout.columns(part.projection)};
        entry.num_bytes = part.num_bytes;
        entry.found.format = part.codec;
        entry.is_whole = part.kind == PartKind::kWhole;
      }
    }
  }

  absl::StatusOr<FoundTensor> Find(const std::string& name, const std::vector<int64_t>& shape) override {
    const auto [first, end] = entries_.equal_range(name);
    if (first == end) return absl::InvalidArgumentError(file_ + ": tensor " + name + ": missing from the container");
    const Entry entry = first->second;
    if (std::next(first) != end) entries_.erase(first);
    FoundTensor found = entry.found;
    found.where = file_ + ": tensor " + name + ": ";
    FOREGATE_RETURN_IF_ERROR(CheckShape(found.where, entry.shape, shape));
    // No format stores four elements in a byte. Bounds every product of sizes by the file's.
    uint64_t num_elements = 1;
    for (const int64_t extent : shape) num_elements *= static_cast<uint64_t>(extent);
    if (num_elements / 4 > entry.num_bytes)
      return absl::InvalidArgumentError(found.where + "shape " + ShapeText(shape) + " in " +
                                        std::to_string(entry.num_bytes) + " bytes");
    if (!entry.is_whole)
      return absl::InvalidArgumentError(found.where + "is made of a base and deltas, which this build cannot compute");
    return found;
  }
  bool is_packed() const override { return true; }

 private:
  struct Entry {
    std::vector<int64_t> shape;
    uint64_t num_bytes = 0;
    FoundTensor found;
    bool is_whole = true;
  };
  const std::string& file_;
  std::multimap<std::string, Entry> entries_;  // those of one name in the directory's order
};

// Looks tensors up and keeps the totals.
class Planner {
 public:
  explicit Planner(TensorSource& source) : source_(source) {}

  absl::StatusOr<FoundTensor> Take(const std::string& name, const std::vector<int64_t>& shape) {
    FOREGATE_ASSIGN_OR_RETURN(FoundTensor found, source_.Find(name, shape));
    uint64_t num_elements = 1;
    for (const int64_t extent : shape) num_elements *= static_cast<uint64_t>(extent);
    // A tied embedding is counted once.
    if (taken_.insert(name).second) num_parameters_ += num_elements;
    return found;
  }

  // The format of a matrix, as the rules say. INVALID_ARGUMENT when its sums would not fit 32 bits, or when it is
  // packed in another one.
  absl::StatusOr<WeightFormat> FormatOf(const FoundTensor& found, const std::string& name, int64_t num_inputs,
                                        const WeightRules& rules, bool is_router) {
    const WeightFormat format = rules.FormatOf(name, found.format);
    if (source_.is_packed() && format != found.format)
      return absl::InvalidArgumentError(found.where + "is packed as " + WeightFormatName(found.format) +
                                        ", but --weights or the rules ask for " + WeightFormatName(format) +
                                        "; leave them out, or pack the model again");
    if (IsQuantized(format) && GroupInputs(format, num_inputs) > kMaxGroupInputs)
      return absl::InvalidArgumentError(found.where + WeightFormatName(format) + " takes rows of at most " +
                                        std::to_string(kMaxGroupInputs) + " inputs, this has " +
                                        std::to_string(num_inputs) + "; choose a format with groups");
    if (!is_router) formats_.insert(format);
    return format;
  }
  // The tensor will be read.
  void CountRead(const FoundTensor& found) {
    if (found.tensor != nullptr) file_bytes_ += found.tensor->entry.num_bytes;
  }

  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t num_parameters() const { return num_parameters_; }
  std::string format() const { return formats_.size() == 1 ? WeightFormatName(*formats_.begin()) : "mixed"; }

 private:
  TensorSource& source_;
  std::set<std::string> taken_;
  std::set<WeightFormat> formats_;
  uint64_t file_bytes_ = 0;
  uint64_t num_parameters_ = 0;
};

absl::Status CheckAlike(const ExpertLayout& layout, const ExpertLayout& previous, const std::string& where) {
  if (layout.format(Projection::kGate) == layout.format(Projection::kUp) && layout.formats == previous.formats)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      where + "the gates and ups of a layer's experts must have one format, and the downs one (found " +
      WeightFormatName(layout.format(Projection::kGate)) + ", " + WeightFormatName(layout.format(Projection::kUp)) +
      ", " + WeightFormatName(layout.format(Projection::kDown)) + " after " +
      WeightFormatName(previous.format(Projection::kGate)) + ", " +
      WeightFormatName(previous.format(Projection::kDown)) + ")");
}

bool IsRouter(const ModelWeights& weights, const WeightMatrix* place) {
  return std::any_of(weights.layers.begin(), weights.layers.end(), [&](const LayerWeights& layer) {
    return place == &layer.moe.gate || place == &layer.moe.pre_gate || place == &layer.moe.shared_gate;
  });
}

absl::Status PlanDense(const ModelConfig& config, const WeightRules& rules, Planner& planner, WeightPlan& plan) {
  ModelWeights weights;
  for (const NamedTensor& wanted : DenseTensors(config, weights)) {
    FOREGATE_ASSIGN_OR_RETURN(const FoundTensor found, planner.Take(wanted.name, wanted.shape));
    WeightPlan::Dense dense = {.tensor = found.tensor,
                               .stored = found.stored,
                               .offset = plan.dense_bytes,
                               .num_bytes = ElementBytes(found.stored),
                               .format = std::nullopt};
    for (const int64_t extent : wanted.shape) dense.num_bytes *= static_cast<size_t>(extent);
    if (const auto* place = std::get_if<WeightMatrix*>(&wanted.place)) {
      // No rule asks for the embedding, whose rows are looked up.
      dense.format = found.format;
      if (*place != &weights.embedding) {
        FOREGATE_ASSIGN_OR_RETURN(
            dense.format, planner.FormatOf(found, wanted.name, wanted.shape[1], rules, IsRouter(weights, *place)));
      }
      dense.num_bytes = PackedBytes(*dense.format, wanted.shape[0], wanted.shape[1]);
      dense.is_shared =
          config.has_tied_embeddings && *place == &weights.lm_head && dense.format == plan.dense.front().format;
      if (dense.is_shared) dense.offset = plan.dense.front().offset;
    }
    plan.dense.push_back(dense);
    if (dense.is_shared) continue;
    plan.dense_bytes += RoundUp(dense.num_bytes, kAlignment);
    planner.CountRead(found);
  }
  plan.lookup_bytes = plan.dense.back().is_shared ? 0 : plan.dense.front().num_bytes;
  plan.dense_bytes = RoundUp(plan.dense_bytes, kContainerAlignment);
  return absl::OkStatus();
}

absl::StatusOr<WeightPlan> PlanFrom(TensorSource& source, const ModelConfig& config, const WeightRules& rules) {
  Planner planner(source);
  WeightPlan plan{.dense = {}, .experts = {{0}, 0, {}}, .expert_tensors = {}, .format = {}};
  FOREGATE_RETURN_IF_ERROR(PlanDense(config, rules, planner, plan));
  std::vector<int32_t> moe_layers;
  std::vector<ExpertLayout> layouts;
  for (int32_t layer = 0; layer < static_cast<int32_t>(config.layers.size()); ++layer) {
    if (!config.layers[static_cast<size_t>(layer)].is_moe) continue;
    moe_layers.push_back(layer);
    for (int32_t expert = 0; expert < config.moe.num_experts; ++expert) {
      ExpertLayout layout{.hidden = config.hidden_size, .width = config.moe.expert_width, .formats = {}};
      std::array<const Checkpoint::Tensor*, 3> tensors = {};
      std::string where;
      for (const Projection projection : kProjections) {
        const auto i = static_cast<size_t>(projection);
        const std::string name = ExpertTensorName(config, {layer, expert}, projection);
        FOREGATE_ASSIGN_OR_RETURN(const FoundTensor found,
                                  planner.Take(name, {layout.rows(projection), layout.columns(projection)}));
        tensors[i] = found.tensor;
        planner.CountRead(found);
        if (projection == Projection::kGate) where = found.where;
        FOREGATE_ASSIGN_OR_RETURN(layout.formats[i], planner.FormatOf(found, name, layout.columns(projection), rules,
                                                                      /*is_router=*/false));
      }
      FOREGATE_RETURN_IF_ERROR(CheckAlike(layout, expert == 0 ? layout : layouts.back(), where));
      layouts.push_back(layout);
      plan.expert_tensors.push_back(tensors);
    }
  }
  plan.experts = ExpertDirectory(std::move(moe_layers), config.moe.num_experts, std::move(layouts));
  plan.file_bytes = planner.file_bytes();
  plan.num_parameters = planner.num_parameters();
  plan.format = planner.format();
  return plan;
}

}  // namespace

absl::StatusOr<WeightPlan> PlanWeights(const ModelConfig& config, const Checkpoint& checkpoint,
                                       const WeightRules& rules) {
  CheckpointSource source(checkpoint);
  FOREGATE_ASSIGN_OR_RETURN(WeightPlan plan, PlanFrom(source, config, rules));
  FOREGATE_RETURN_IF_ERROR(source.CheckNothingLeft(config));
  return plan;
}

absl::StatusOr<WeightPlan> PlanPackedWeights(const ModelConfig& config, const ContainerDirectory& directory,
                                             const WeightRules& rules, const std::string& file) {
  if (directory.layout != kPackedLayout || directory.isa != kAnyIsa)
    return absl::InvalidArgumentError(file + ": packed in the layout " + directory.layout + " for " + directory.isa +
                                      ", this build reads " + kPackedLayout + " for " + kAnyIsa +
                                      "; pack the model again from its source");
  ContainerSource source(config, directory, file);
  return PlanFrom(source, config, rules);
}

}  // namespace foregate
