// Checkpoint over GGUF files: their metadata becomes a config.json, their tensors those of the safetensors checkpoint.
#include <utility>

#include "engine/model/checkpoint.h"
#include "engine/model/gguf/config_json.h"
#include "engine/model/gguf/tensor_names.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// The largest published model has 70,000.
constexpr size_t kMaxTensors = 1 << 20;

GgufPlacement PlacementOf(const GgufTensor& tensor, const GgufSlice& slice) {
  const GgufBlockSize block = BlockSizeOf(tensor.type);
  GgufPlacement placement{.type = tensor.type, .interleaved_heads = slice.interleaved_heads};
  placement.offset = tensor.offset + slice.first_element / block.block_elements * block.block_bytes;
  const bool is_column = slice.shape.size() == 1 && slice.interleaved_heads != 0;
  placement.row_elements = is_column ? 1 : slice.shape.back();
  placement.num_rows = is_column ? slice.shape[0] : 1;
  for (size_t i = 0; i + 1 < slice.shape.size(); ++i) placement.num_rows *= slice.shape[i];
  return placement;
}

}  // namespace

absl::Status Checkpoint::AddGgufPart(GgufPart part, const ModelConfig& config) {
  for (const GgufTensor& tensor : part.header.tensors()) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<GgufSlice> slices,
                              SlicesOfGgufTensor(tensor, config, part.file->path()));
    if (slices.size() > kMaxTensors - tensors_.size())
      return absl::InvalidArgumentError(part.file->path() + ": more than " + std::to_string(kMaxTensors) +
                                        " tensors and experts");
    for (const GgufSlice& slice : slices) {
      const GgufPlacement placement = PlacementOf(tensor, slice);
      // A slice of an interleaved or block-quantized vector would need whole blocks for each row.
      if (placement.row_elements % BlockSizeOf(tensor.type).block_elements != 0)
        return absl::UnimplementedError(part.file->path() + ": tensor \"" + tensor.name + "\": type " +
                                        GgufTypeName(tensor.type) + " is not supported for a vector of this kind");
      const DType dtype = DeliveredType(tensor.type);
      const uint64_t num_bytes = static_cast<uint64_t>(placement.num_rows) *
                                 static_cast<uint64_t>(placement.row_elements) * ElementBytes(dtype);
      TensorEntry entry{
          .name = slice.name, .dtype = dtype, .shape = slice.shape, .offset = placement.offset, .num_bytes = num_bytes};
      FOREGATE_RETURN_IF_ERROR(Add({std::move(entry), part.file.get(), placement}));
    }
  }
  files_.push_back(std::move(part.file));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::OpenGgufModel(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::vector<GgufPart> parts, OpenGguf(path));
  GgufTensorMap tensors;
  for (const GgufPart& part : parts) {
    for (const GgufTensor& tensor : part.header.tensors()) {
      if (!tensors.emplace(tensor.name, &tensor).second)
        return absl::InvalidArgumentError(part.file->path() + ": tensor \"" + tensor.name +
                                          "\" is also in another part");
    }
  }
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
  FOREGATE_ASSIGN_OR_RETURN(checkpoint->config_json_, GgufConfigJson(parts[0].header, tensors));
  FOREGATE_ASSIGN_OR_RETURN(const ModelConfig config, ParseModelConfig(checkpoint->config_json_, path));
  for (GgufPart& part : parts) FOREGATE_RETURN_IF_ERROR(checkpoint->AddGgufPart(std::move(part), config));
  return checkpoint;
}

}  // namespace foregate
