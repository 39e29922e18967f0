#include "engine/model/load_model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_cache.h"
#include "engine/model/container/container_plan.h"
#include "engine/model/model_config.h"
#include "engine/model/transformer_decoder.h"
#include "engine/model/weight_loader.h"
#include "engine/model/weight_plan.h"
#include "engine/model/workspace.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr uint64_t kMaxConfigBytes = 16 << 20;

// Everything that is known before the weights are read.
struct OpenedModel {
  ModelConfig config;
  std::unique_ptr<Checkpoint> checkpoint;
  WeightPlan weights;
  WorkspaceLimits limits;
  int32_t max_positions = 0;
};

absl::Status CheckLimit(const char* name, int32_t value, int32_t minimum, int32_t maximum) {
  if (value >= minimum && value <= maximum) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + ": want a value in [" + std::to_string(minimum) + ", " +
                                    std::to_string(maximum) + "]: " + std::to_string(value));
}

struct ModelFiles {
  ModelConfig config;
  std::unique_ptr<Checkpoint> checkpoint;
};

absl::StatusOr<ModelFiles> OpenFiles(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> gguf, FindGguf(path));
  ModelFiles files;
  if (gguf) {
    FOREGATE_ASSIGN_OR_RETURN(files.checkpoint, Checkpoint::Open(*gguf));
    FOREGATE_ASSIGN_OR_RETURN(files.config, ParseModelConfig(files.checkpoint->config_json(), *gguf));
    return files;
  }
  const std::string config_path = path + "/config.json";
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> config_file, ReadOnlyFile::Open(config_path));
  FOREGATE_ASSIGN_OR_RETURN(const std::string config_text, config_file->ReadText(kMaxConfigBytes));
  FOREGATE_ASSIGN_OR_RETURN(files.config, ParseModelConfig(config_text, config_path));
  FOREGATE_ASSIGN_OR_RETURN(files.checkpoint, Checkpoint::Open(path));
  return files;
}

absl::StatusOr<OpenedModel> OpenModel(const LoadOptions& options) {
  // Far beyond sense; keeps every product of sizes in 64 bits.
  constexpr int32_t kMaxLimit = 1 << 20;
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_batch_tokens", options.max_batch_tokens, 1, kMaxLimit));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_sequences", options.max_sequences, 1, kMaxLimit));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_sequence_tokens", options.max_sequence_tokens, 0, 1 << 24));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("block_size", options.block_size, 1, kMaxLimit));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_logits_rows", options.max_logits_rows, 0, kMaxLimit));
  FOREGATE_ASSIGN_OR_RETURN(ModelFiles files, OpenFiles(options.directory));
  FOREGATE_ASSIGN_OR_RETURN(WeightPlan weights, PlanWeights(files.config, *files.checkpoint, options.weights));
  const int32_t max_positions = options.max_sequence_tokens == 0
                                    ? files.config.max_positions
                                    : std::min(files.config.max_positions, options.max_sequence_tokens);
  const WorkspaceLimits limits{.max_batch_tokens = options.max_batch_tokens,
                               .max_sequences = options.max_sequences,
                               .max_blocks_per_sequence = (max_positions + options.block_size - 1) / options.block_size,
                               .max_logits_rows = options.max_logits_rows == 0
                                                      ? options.max_batch_tokens
                                                      : std::min(options.max_logits_rows, options.max_batch_tokens)};
  return OpenedModel{.config = std::move(files.config),
                     .checkpoint = std::move(files.checkpoint),
                     .weights = std::move(weights),
                     .limits = limits,
                     .max_positions = max_positions};
}

DecoderInfo MakeInfo(const OpenedModel& model, uint64_t weight_bytes) {
  DecoderInfo info;
  info.architecture = model.config.architecture;
  info.weights_format = model.weights.format;
  info.vocab_size = model.config.vocab_size;
  info.max_positions = model.max_positions;
  info.num_layers = static_cast<int32_t>(model.config.layers.size());
  info.num_experts = model.config.moe.num_experts;
  info.experts_per_token = model.config.moe.experts_per_token;
  info.hidden_size = model.config.hidden_size;
  info.moe_layers = model.weights.experts.layers();
  info.num_parameters = model.weights.num_parameters;
  info.weight_bytes = weight_bytes;
  return info;
}

// Loads through the cache of packed containers: from the container if there is a good one, else from the checkpoint,
// leaving a container behind. Whatever is wrong with the cache is told and costs time, nothing else.
class CachedLoad {
 public:
  CachedLoad(const OpenedModel& model, const LoadOptions& options, Device& device)
      : model_(model),
        options_(options),
        device_(device),
        wanted_(DescribeContainer(model.config, model.weights, device.info().numeric_contract,
                                  SourceIdentity(*model.checkpoint))),
        path_(CachedContainerPath(options.cache_directory, options.directory, wanted_)) {
    load_.num_expert_slots = options.num_expert_slots;
    load_.progress = options.progress;
    load_.cancelled = options.cancelled;
    load_.on_writer_failed = [this](const absl::Status& status) { Notice("no container is kept", status); };
  }

  absl::StatusOr<LoadedWeights> Run() {
    absl::StatusOr<LoadedWeights> weights = FromContainer();
    if (weights.ok() || absl::IsCancelled(weights.status())) return weights;
    // One process packs; one that waited for it finds the container.
    const absl::StatusOr<ContainerLock> lock = ContainerLock::Acquire(path_, options_.cancelled);
    if (absl::IsCancelled(lock.status())) return lock.status();
    if (!lock.ok()) {
      Notice("no container is kept", lock.status());
      return FromCheckpoint(nullptr);
    }
    weights = FromContainer();
    if (weights.ok() || absl::IsCancelled(weights.status())) return weights;
    if (!absl::IsNotFound(weights.status())) Notice("packing again", weights.status());
    auto writer = ContainerWriter::Create(path_, wanted_, ContainerPayloadBytes(model_.weights));
    if (!writer.ok()) Notice("no container is kept", writer.status());
    return FromCheckpoint(writer.ok() ? writer->get() : nullptr);
  }

 private:
  absl::StatusOr<LoadedWeights> FromContainer() {
    FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ContainerFile> container, OpenContainer(path_, wanted_));
    WeightLoadOptions load = load_;
    load.container = container.get();
    return LoadWeights(model_.config, model_.weights, *model_.checkpoint, load, device_);
  }
  absl::StatusOr<LoadedWeights> FromCheckpoint(ContainerWriter* writer) {
    WeightLoadOptions load = load_;
    load.writer = writer;
    return LoadWeights(model_.config, model_.weights, *model_.checkpoint, load, device_);
  }
  void Notice(const char* what, const absl::Status& why) const {
    if (options_.notice) options_.notice(std::string(what) + ": " + std::string(why.message()));
  }

  const OpenedModel& model_;
  const LoadOptions& options_;
  Device& device_;
  const ContainerDirectory wanted_;
  const std::string path_;
  WeightLoadOptions load_;
};

}  // namespace

absl::StatusOr<ModelPlan> PlanModel(const LoadOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const OpenedModel model, OpenModel(options));
  return ModelPlan{
      .memory = PlanMemory(model.config, model.weights, model.limits, options.num_expert_slots, model.max_positions),
      .architecture = model.config.architecture,
      .weights_format = model.weights.format,
      .max_positions = model.max_positions};
}

absl::StatusOr<std::unique_ptr<Decoder>> LoadDecoder(const LoadOptions& options, const Backend& backend) {
  FOREGATE_ASSIGN_OR_RETURN(const OpenedModel model, OpenModel(options));
  absl::StatusOr<LoadedWeights> weights;
  if (options.cache_directory.empty()) {
    const WeightLoadOptions load{
        .num_expert_slots = options.num_expert_slots, .progress = options.progress, .cancelled = options.cancelled};
    weights = LoadWeights(model.config, model.weights, *model.checkpoint, load, *backend.device);
  } else {
    weights = CachedLoad(model, options, *backend.device).Run();
  }
  FOREGATE_RETURN_IF_ERROR(weights.status());
  const MemoryPlan memory =
      PlanMemory(model.config, model.weights, model.limits, options.num_expert_slots, model.max_positions);
  DecoderInfo info = MakeInfo(model, memory.weights_bytes());
  std::copy(std::begin(weights->digest), std::end(weights->digest), std::begin(info.identity));
  return TransformerDecoder::Create(model.config, std::move(info), model.limits, *std::move(weights), backend);
}

}  // namespace foregate
