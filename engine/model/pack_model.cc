#include "engine/model/pack_model.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/config_file.h"
#include "engine/formats/container/container_writer.h"
#include "engine/model/container/container_plan.h"
#include "engine/model/container/part_checksums.h"
#include "engine/model/model_source.h"
#include "engine/model/weight_packer.h"
#include "engine/model/weight_plan.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// What a thread, the allocator and the reader of GGUF rows need beside the buffers.
constexpr uint64_t kThreadOverheadBytes = uint64_t{2} << 20;

uint64_t ResidentBytes() {
  unsigned long total = 0, resident = 0;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/statm", "r"), &std::fclose);
  if (file == nullptr || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Threads and the size of pieces that stay within the limit: first smaller pieces, then fewer threads.
absl::Status FitIntoMemory(const ModelConfig& config, const WeightPlan& plan, const PackModelOptions& options,
                           uint64_t payload_bytes, PackOptions& pack) {
  if (options.memory_limit == 0) return absl::OkStatus();
  const uint64_t resident = ResidentBytes();
  const uint64_t checksums = payload_bytes / kContainerChunkBytes * sizeof(uint64_t) + kContainerChunkBytes;
  const uint64_t fixed = resident + checksums;
  uint64_t needed = 0;
  for (; pack.num_threads > 0; --pack.num_threads) {
    for (pack.piece_bytes = kPackPieceBytes; pack.piece_bytes >= (kPackPieceBytes >> 6); pack.piece_bytes /= 2) {
      needed =
          fixed + PackBufferBytes(config, plan, pack) + kThreadOverheadBytes * static_cast<uint64_t>(pack.num_threads);
      if (needed <= options.memory_limit) return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError("a memory limit of " + std::to_string(options.memory_limit) +
                                    " bytes is too small: one thread needs " + std::to_string(needed) + ", of which " +
                                    std::to_string(resident) + " are in use and " + std::to_string(needed - fixed) +
                                    " hold the 16 longest rows of the model, read and packed");
}

class ModelPacker {
 public:
  ModelPacker(const PackModelOptions& options, const ModelSource& source, const WeightPlan& plan)
      : options_(options), source_(source), plan_(plan) {}

  absl::StatusOr<PackedModel> Run() {
    uint64_t payload_bytes = ContainerWeightBytes(plan_);
    const auto place = [&](const std::string& name, const std::string& content) {
      embedded_.push_back({.name = name, .offset = payload_bytes, .num_bytes = content.size()});
      payload_bytes += content.size();
    };
    place(kConfigFile, source_.config_json);
    for (const auto& [name, content] : options_.files) place(name, content);
    // Read back as an untrusted file would be, before hours of packing.
    FOREGATE_RETURN_IF_ERROR(
        ParseEmbeddedFiles(SerializeEmbeddedFiles(embedded_), payload_bytes, options_.output).status());
    PackOptions pack = {.num_threads = std::max(1, options_.num_threads),
                        .progress = options_.progress,
                        .cancelled = options_.cancelled};
    FOREGATE_RETURN_IF_ERROR(FitIntoMemory(source_.config, plan_, options_, payload_bytes, pack));
    return Write(payload_bytes, pack);
  }

 private:
  absl::StatusOr<PackedModel> Write(uint64_t payload_bytes, const PackOptions& pack) {
    ContainerDirectory directory =
        DescribeContainer(source_.config, plan_, options_.numeric_contract, SourceIdentity(*source_.checkpoint));
    const uint64_t directory_bytes = SerializeContainerDirectory(directory).size();
    if (directory_bytes > kMaxContainerDirectoryBytes)
      return absl::InvalidArgumentError(options_.model + ": a directory of " + std::to_string(directory_bytes) +
                                        " bytes, containers hold at most " +
                                        std::to_string(kMaxContainerDirectoryBytes));
    FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ContainerWriter> writer,
                              ContainerWriter::Create(options_.output, directory_bytes, embedded_, payload_bytes));
    PartChecksums checksums(directory);
    const PackSink sink = [&](uint64_t payload_offset, std::span<const std::byte> bytes) {
      checksums.Add(payload_offset, bytes);
      return writer->Append(payload_offset, bytes);
    };
    FOREGATE_ASSIGN_OR_RETURN(const WeightDigest digest, PackWeights(source_.config, plan_, *source_.checkpoint,
                                                                     options_.numeric_contract, pack, sink));
    FOREGATE_RETURN_IF_ERROR(writer->Append(embedded_[0].offset, std::as_bytes(std::span(source_.config_json))));
    for (size_t i = 0; i < options_.files.size(); ++i)
      FOREGATE_RETURN_IF_ERROR(
          writer->Append(embedded_[i + 1].offset, std::as_bytes(std::span(options_.files[i].content))));
    std::copy(std::begin(digest.words), std::end(digest.words), std::begin(directory.digest));
    FOREGATE_RETURN_IF_ERROR(writer->Finish(SerializeContainerDirectory(directory)));
    return PackedModel{.architecture = source_.config.architecture,
                       .weights_format = plan_.format,
                       .num_parameters = plan_.num_parameters,
                       .weight_bytes = ContainerWeightBytes(plan_),
                       .file_bytes = writer->file_bytes()};
  }

  const PackModelOptions& options_;
  const ModelSource& source_;
  const WeightPlan& plan_;
  std::vector<EmbeddedFile> embedded_;
};

}  // namespace

absl::StatusOr<PackedModel> PackModel(const PackModelOptions& options) {
  FOREGATE_ASSIGN_OR_RETURN(const ModelSource source, OpenModelSource(options.model));
  if (source.container != nullptr)
    return absl::InvalidArgumentError(source.container->path() + ": is packed already; pack from the checkpoint");
  FOREGATE_ASSIGN_OR_RETURN(const WeightPlan plan, PlanModelSource(source, options.weights));
  return ModelPacker(options, source, plan).Run();
}

}  // namespace foregate
