#include "engine/model/load_model.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/container/container_file.h"
#include "engine/formats/container/container_writer.h"
#include "engine/model/checkpoint.h"
#include "engine/model/container/container_cache.h"
#include "engine/model/container/container_plan.h"
#include "engine/model/container/part_checksums.h"
#include "engine/model/model_config.h"
#include "engine/model/model_source.h"
#include "engine/model/transformer_decoder.h"
#include "engine/model/weight_loader.h"
#include "engine/model/weight_packer.h"
#include "engine/model/weight_plan.h"
#include "engine/model/workspace.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Everything that is known before the weights are read.
struct OpenedModel {
  ModelSource source;
  WeightPlan weights;
  WorkspaceLimits limits;
  SlotPlan slots;
  bool reads_container = false;  // of experts, while the model is served
  int32_t max_positions = 0;
};

absl::Status CheckLimit(const char* name, int32_t value, int32_t minimum, int32_t maximum) {
  if (value >= minimum && value <= maximum) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + ": want a value in [" + std::to_string(minimum) + ", " +
                                    std::to_string(maximum) + "]: " + std::to_string(value));
}

absl::StatusOr<OpenedModel> OpenModel(const LoadOptions& options) {
  // Far beyond sense; keeps every product of sizes in 64 bits.
  constexpr int32_t kMaxLimit = 1 << 20;
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_batch_tokens", options.max_batch_tokens, 1, kMaxLimit));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_sequences", options.max_sequences, 1, kMaxLimit));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_sequence_tokens", options.max_sequence_tokens, 0, 1 << 24));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("block_size", options.block_size, 1, kMaxLimit));
  if (options.kv_dtype != DType::kF32 && options.kv_dtype != DType::kBf16)
    return absl::InvalidArgumentError(std::string("kv_dtype: want f32 or bf16: ") + DTypeName(options.kv_dtype));
  FOREGATE_RETURN_IF_ERROR(CheckLimit("max_logits_rows", options.max_logits_rows, 0, kMaxLimit));
  FOREGATE_ASSIGN_OR_RETURN(ModelSource source, OpenModelSource(options.directory));
  FOREGATE_ASSIGN_OR_RETURN(WeightPlan weights, PlanModelSource(source, options.weights));
  const int32_t max_positions = options.max_sequence_tokens == 0
                                    ? source.config.max_positions
                                    : std::min(source.config.max_positions, options.max_sequence_tokens);
  const WorkspaceLimits limits{.max_batch_tokens = options.max_batch_tokens,
                               .max_sequences = options.max_sequences,
                               .max_blocks_per_sequence = (max_positions + options.block_size - 1) / options.block_size,
                               .max_logits_rows = options.max_logits_rows == 0
                                                      ? options.max_batch_tokens
                                                      : std::min(options.max_logits_rows, options.max_batch_tokens)};
  FOREGATE_ASSIGN_OR_RETURN(SlotPlan slots, options.expert_memory.Plan(weights.experts));
  const bool reads_container = options.expert_memory.reads_container(slots);
  return OpenedModel{.source = std::move(source),
                     .weights = std::move(weights),
                     .limits = limits,
                     .slots = std::move(slots),
                     .reads_container = reads_container,
                     .max_positions = max_positions};
}

RoutedShape MakeRoutedShape(const OpenedModel& model) {
  const ModelConfig& config = model.source.config;
  return {.moe_layers = model.weights.experts.layers(),
          .expert_bytes = model.weights.experts.LayerBlockBytes(),
          .num_experts = config.moe.num_experts,
          .experts_per_token = config.moe.experts_per_token,
          .pre_gate_distance = config.pre_gate_distance,
          .dense_bytes = model.weights.dense_bytes - model.weights.lookup_bytes};
}

DecoderInfo MakeInfo(const OpenedModel& model, uint64_t weight_bytes, DType kv_dtype) {
  DecoderInfo info;
  static_cast<RoutedShape&>(info) = MakeRoutedShape(model);
  info.architecture = model.source.config.architecture;
  info.weights_format = model.weights.format;
  info.kv_dtype = DTypeName(kv_dtype);
  info.vocab_size = model.source.config.vocab_size;
  info.max_positions = model.max_positions;
  info.num_layers = static_cast<int32_t>(model.source.config.layers.size());
  info.hidden_size = model.source.config.hidden_size;
  info.num_parameters = model.weights.num_parameters;
  info.weight_bytes = weight_bytes;
  return info;
}

StepShape MakeStepShape(const OpenedModel& model) {
  const ModelConfig& config = model.source.config;
  const ExpertDirectory& experts = model.weights.experts;
  StepShape shape;
  static_cast<RoutedShape&>(shape) = MakeRoutedShape(model);
  const ExpertLayout& layout = experts.layout(0);
  shape.expert_parameters = static_cast<uint64_t>(3 * layout.hidden * layout.width);
  shape.expert_format = WeightFormatName(layout.format(Projection::kGate));
  shape.dense_parameters = model.weights.num_parameters - experts.size() * shape.expert_parameters;
  // An embedding of which rows are looked up multiplies nothing; tied, the lm_head multiplies with it.
  if (!config.has_tied_embeddings)
    shape.dense_parameters -= static_cast<uint64_t>(config.vocab_size) * static_cast<uint64_t>(config.hidden_size);
  return shape;
}

absl::Status NoContainer(const OpenedModel& model, const std::string& why) {
  return absl::FailedPreconditionError("the model's experts take " +
                                       std::to_string(PlanAllSlots(model.weights.experts).num_bytes()) +
                                       " bytes, expert memory has room for " + std::to_string(model.slots.num_bytes()) +
                                       ", and there is no container to read the others from: " + why);
}

// Loads through the cache of packed containers: from the container if there is a good one, else from the checkpoint,
// leaving a container behind. Whatever is wrong with the cache is told and costs time, nothing else.
class CachedLoad {
 public:
  CachedLoad(const OpenedModel& model, const LoadOptions& options, WeightLoadOptions load, Device& device)
      : model_(model),
        options_(options),
        load_(std::move(load)),
        device_(device),
        wanted_(DescribeContainer(model.source.config, model.weights, device.info().numeric_contract,
                                  SourceIdentity(*model.source.checkpoint))),
        path_(CachedContainerPath(options.cache_directory, options.directory, wanted_)) {}

  absl::StatusOr<LoadedWeights> Run() {
    absl::StatusOr<LoadedWeights> weights = FromContainer();
    if (weights.ok() || IsFinal(weights.status())) return weights;
    // One process packs; one that waited for it finds the container.
    const absl::StatusOr<ContainerLock> lock = ContainerLock::Acquire(path_, options_.cancelled);
    if (absl::IsCancelled(lock.status())) return lock.status();
    if (!lock.ok()) return WithoutContainer(lock.status());
    weights = FromContainer();
    if (weights.ok() || IsFinal(weights.status())) return weights;
    if (!absl::IsNotFound(weights.status())) Notice("packing again", weights.status());
    ContainerDirectory directory = wanted_;
    auto writer = ContainerWriter::Create(path_, SerializeContainerDirectory(directory).size(), {},
                                          ContainerWeightBytes(model_.weights));
    if (!writer.ok()) return WithoutContainer(writer.status());
    if (!model_.reads_container) return FromCheckpoint(*std::move(writer), std::move(directory));
    FOREGATE_RETURN_IF_ERROR(Pack(**writer, directory));
    return FromContainer();
  }

 private:
  // What another try does not mend.
  static bool IsFinal(const absl::Status& status) {
    return absl::IsCancelled(status) || absl::IsResourceExhausted(status) || absl::IsUnimplemented(status);
  }
  absl::StatusOr<LoadedWeights> FromContainer() {
    FOREGATE_ASSIGN_OR_RETURN(const CachedContainer container, OpenContainer(path_, wanted_));
    return ReadWeights(model_.source.config, model_.weights, *container.file, container.directory, load_, device_);
  }
  absl::StatusOr<LoadedWeights> WithoutContainer(const absl::Status& why) const {
    if (model_.reads_container) return NoContainer(model_, std::string(why.message()));
    Notice("no container is kept", why);
    return LoadWeights(model_.source.config, model_.weights, *model_.source.checkpoint, load_, device_);
  }
  // Writes while it packs. Without a container the daemon works as well.
  absl::StatusOr<LoadedWeights> FromCheckpoint(std::unique_ptr<ContainerWriter> writer, ContainerDirectory directory) {
    WeightLoadOptions load = load_;
    PartChecksums checksums(directory);
    const auto tell = [&](const absl::Status& status) {
      if (status.ok()) return;
      writer = nullptr;
      Notice("no container is kept", status);
    };
    load.keep = [&](uint64_t payload_offset, std::span<const std::byte> bytes) {
      if (writer == nullptr) return;
      checksums.Add(payload_offset, bytes);
      tell(writer->Append(payload_offset, bytes));
    };
    FOREGATE_ASSIGN_OR_RETURN(LoadedWeights weights, LoadWeights(model_.source.config, model_.weights,
                                                                 *model_.source.checkpoint, load, device_));
    if (writer == nullptr) return weights;
    std::copy(std::begin(weights.digest), std::end(weights.digest), std::begin(directory.digest));
    tell(writer->Finish(SerializeContainerDirectory(directory)));
    return weights;
  }
  // For a model that does not fit into memory: the container first.
  absl::Status Pack(ContainerWriter& writer, ContainerDirectory& directory) const {
    PartChecksums checksums(directory);
    const PackOptions pack = {
        .num_threads = load_.num_threads, .progress = load_.progress, .cancelled = load_.cancelled};
    const PackSink sink = [&](uint64_t payload_offset, std::span<const std::byte> bytes) {
      checksums.Add(payload_offset, bytes);
      return writer.Append(payload_offset, bytes);
    };
    const absl::StatusOr<WeightDigest> digest =
        PackWeights(model_.source.config, model_.weights, *model_.source.checkpoint, directory.contract, pack, sink);
    // The second: the checkpoint's base is another one, which no container would mend.
    if (absl::IsCancelled(digest.status()) || absl::IsFailedPrecondition(digest.status())) return digest.status();
    if (!digest.ok()) return NoContainer(model_, std::string(digest.status().message()));
    std::copy(std::begin(digest->words), std::end(digest->words), std::begin(directory.digest));
    const absl::Status finished = writer.Finish(SerializeContainerDirectory(directory));
    return finished.ok() ? finished : NoContainer(model_, std::string(finished.message()));
  }
  void Notice(const char* what, const absl::Status& why) const {
    if (options_.notice) options_.notice(std::string(what) + ": " + std::string(why.message()));
  }

  const OpenedModel& model_;
  const LoadOptions& options_;
  const WeightLoadOptions load_;
  Device& device_;
  const ContainerDirectory wanted_;
  const std::string path_;
};

absl::StatusOr<LoadedWeights> ReadAlone(const OpenedModel& model, const WeightLoadOptions& load, Device& device) {
  const ModelSource& source = model.source;
  if (source.directory.contract != device.info().numeric_contract)
    return absl::FailedPreconditionError(source.container->path() + ": packed for the numeric contract " +
                                         source.directory.contract + ", this device computes " +
                                         device.info().numeric_contract + "; pack the model again from its source");
  return ReadWeights(source.config, model.weights, *source.container, source.directory, load, device);
}

}  // namespace

absl::StatusOr<ModelPlan> PlanModel(const LoadOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const OpenedModel model, OpenModel(options));
  FOREGATE_ASSIGN_OR_RETURN(const MemoryPlan memory,
                            PlanMemory(model.source.config, model.weights, model.limits, options.expert_memory,
                                       model.max_positions, options.kv_dtype));
  return ModelPlan{.memory = memory,
                   .step = MakeStepShape(model),
                   .slots = model.slots,
                   .architecture = model.source.config.architecture,
                   .weights_format = model.weights.format,
                   .max_positions = model.max_positions,
                   .reads_container = model.reads_container};
}

absl::StatusOr<std::unique_ptr<Decoder>> LoadDecoder(const LoadOptions& options, const Backend& backend) {
  FOREGATE_ASSIGN_OR_RETURN(const OpenedModel model, OpenModel(options));
  Device& device = *backend.device;
  const WeightLoadOptions load{
      .expert_memory = options.expert_memory,
      .expert_read = options.expert_read,
      .num_threads = options.num_threads > 0 ? options.num_threads : std::max(1, device.info().num_threads),
      .progress = options.progress,
      .cancelled = options.cancelled};
  absl::StatusOr<LoadedWeights> weights;
  if (model.source.container != nullptr) {
    weights = ReadAlone(model, load, device);
  } else if (options.cache_directory.empty() && model.reads_container) {
    weights = NoContainer(model, "name a directory for one, or serve one that was packed ahead of time");
  } else if (options.cache_directory.empty()) {
    weights = LoadWeights(model.source.config, model.weights, *model.source.checkpoint, load, device);
  } else {
    weights = CachedLoad(model, options, load, device).Run();
  }
  FOREGATE_RETURN_IF_ERROR(weights.status());
  FOREGATE_ASSIGN_OR_RETURN(const MemoryPlan memory,
                            PlanMemory(model.source.config, model.weights, model.limits, options.expert_memory,
                                       model.max_positions, options.kv_dtype));
  DecoderInfo info = MakeInfo(model, memory.weights_bytes(), options.kv_dtype);
  std::copy(std::begin(weights->digest), std::end(weights->digest), std::begin(info.identity));
  // Keys and values of another dtype are not those.
  info.identity[0] ^= static_cast<uint64_t>(options.kv_dtype);
  return TransformerDecoder::Create(model.source.config, std::move(info), model.limits, *std::move(weights),
                                    options.kv_dtype, options.prefetch, backend);
}

}  // namespace foregate
