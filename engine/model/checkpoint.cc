#include "engine/model/checkpoint.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "engine/formats/json_document.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = 100'000'000;

bool Exists(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0;
}

bool IsPlainFileName(const std::string& name) {
  return !name.empty() && name.size() < 256 && name[0] != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

absl::Status Named(const Checkpoint::Tensor& tensor, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), "tensor " + tensor.entry.name + ": " + std::string(status.message()));
}

// The weight format that holds blocks of this type exactly.
std::optional<WeightFormat> FormatOfBlocks(GgufTensorType type) {
  switch (type) {
    case GgufTensorType::kQ8_0:
    case GgufTensorType::kQ5_0:
      return WeightFormat::kInt8G32;
    case GgufTensorType::kQ4_0:
      return WeightFormat::kInt4G32;
    case GgufTensorType::kIq4Nl:
      return WeightFormat::kIq4Nl;
    case GgufTensorType::kMxfp4:
      return WeightFormat::kMxfp4;
    case GgufTensorType::kQ4_K:
      return WeightFormat::kQ4K;
    case GgufTensorType::kQ5_K:
      return WeightFormat::kQ5K;
    case GgufTensorType::kQ6_K:
      return WeightFormat::kQ6K;
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseCheckpointIndex(std::string_view json,
                                                                        const std::string& file) {
  FOREGATE_ASSIGN_OR_RETURN(const nlohmann::json document, ParseJsonObject(json, file));
  const auto weight_map = document.find("weight_map");
  if (weight_map == document.end() || !weight_map->is_object() || weight_map->empty())
    return absl::InvalidArgumentError(file + ": weight_map: want an object that is not empty");
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string() || !IsPlainFileName(shard.get<std::string>()))
      return absl::InvalidArgumentError(file + ": weight_map." + JsonExcerpt(tensor) +
                                        ": want the name of a file in the same directory: " + JsonExcerpt(shard));
    shards.emplace(tensor, shard.get<std::string>());
  }
  return shards;
}

absl::Status Checkpoint::AddFile(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  char first_bytes[kSafetensorsLengthBytes] = {};
  if (file->num_bytes() >= sizeof(first_bytes))
    FOREGATE_RETURN_IF_ERROR(file->Read(0, std::as_writable_bytes(std::span(first_bytes))));
  FOREGATE_ASSIGN_OR_RETURN(
      const uint64_t length,
      SafetensorsHeaderLength(std::string_view(first_bytes, sizeof(first_bytes)), file->num_bytes(), path));
  std::string header(length, '\0');
  FOREGATE_RETURN_IF_ERROR(file->Read(kSafetensorsLengthBytes, std::as_writable_bytes(std::span(header))));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<TensorEntry> entries, ParseSafetensorsHeader(header, file->num_bytes(), path));
  for (TensorEntry& entry : entries) {
    FOREGATE_RETURN_IF_ERROR(Add({std::move(entry), file.get()}));
  }
  files_.push_back(std::move(file));
  return absl::OkStatus();
}

absl::Status Checkpoint::Add(Tensor tensor) {
  std::string name = tensor.entry.name;
  const std::string& path = tensor.file->path();
  const auto [place, is_new] = tensors_.try_emplace(std::move(name), std::move(tensor));
  if (is_new) return absl::OkStatus();
  return absl::InvalidArgumentError(path + ": tensor " + JsonExcerpt(place->first) + " is also in " +
                                    place->second.file->path());
}

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::OpenFile(const std::string& path) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
  FOREGATE_RETURN_IF_ERROR(checkpoint->AddFile(path));
  return checkpoint;
}

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::Open(const std::string& directory) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<std::string> gguf, FindGguf(directory));
  if (gguf) return OpenGgufModel(*gguf);
  if (Exists(directory + "/" + kSingleFile)) return OpenFile(directory + "/" + kSingleFile);
  const std::string index_path = directory + "/" + kIndexFile;
  if (!Exists(index_path))
    return absl::NotFoundError(directory + ": neither " + kSingleFile + ", " + kIndexFile +
                               " nor a GGUF file is there");
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> index, ReadOnlyFile::Open(index_path));
  FOREGATE_ASSIGN_OR_RETURN(const std::string text, index->ReadText(kMaxIndexBytes));
  FOREGATE_ASSIGN_OR_RETURN(const auto shards, ParseCheckpointIndex(text, index_path));
  std::set<std::string> files;
  for (const auto& [tensor, shard] : shards) files.insert(shard);
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
  for (const std::string& file : files) FOREGATE_RETURN_IF_ERROR(checkpoint->AddFile(directory + "/" + file));
  for (const auto& [tensor, shard] : shards) {
    const Tensor* found = checkpoint->Find(tensor);
    if (found == nullptr || found->file->path() != directory + "/" + shard)
      return absl::InvalidArgumentError(index_path + ": weight_map." + JsonExcerpt(tensor) + ": not in " + shard);
  }
  for (const auto& [name, tensor] : checkpoint->tensors()) {
    if (!shards.contains(name))
      return absl::InvalidArgumentError(tensor.file->path() + ": tensor " + JsonExcerpt(name) + " is not in " +
                                        kIndexFile);
  }
  return checkpoint;
}

const Checkpoint::Tensor* Checkpoint::Find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

absl::Status Checkpoint::Read(const Tensor& tensor, uint64_t offset, std::span<std::byte> destination) const {
  FOREGATE_CHECK_LE(offset, tensor.entry.num_bytes);
  FOREGATE_CHECK_LE(destination.size(), tensor.entry.num_bytes - offset);
  return Named(tensor, tensor.gguf ? ReadGgufElements(*tensor.file, *tensor.gguf, offset, destination)
                                   : tensor.file->Read(tensor.entry.offset + offset, destination));
}

WeightFormat Checkpoint::StoredFormat(const Tensor& tensor) {
  if (tensor.gguf.has_value()) {
    if (const std::optional<WeightFormat> format = FormatOfBlocks(tensor.gguf->type)) return *format;
  }
  switch (tensor.entry.dtype) {
    case DType::kF32:
      return WeightFormat::kF32;
    case DType::kBf16:
      return WeightFormat::kBf16;
    case DType::kF16:
      return WeightFormat::kF16;
    case DType::kI32:
      break;
  }
  FOREGATE_CHECK(false);
}

size_t Checkpoint::StoredRowBytes(const Tensor& tensor) const {
  if (tensor.gguf) return tensor.gguf->row_bytes();
  FOREGATE_CHECK(!tensor.entry.shape.empty() && tensor.entry.shape[0] > 0);
  return tensor.entry.num_bytes / static_cast<uint64_t>(tensor.entry.shape[0]);
}

absl::Status Checkpoint::ReadStoredRows(const Tensor& tensor, int64_t first_row,
                                        std::span<std::byte> destination) const {
  const size_t row_bytes = StoredRowBytes(tensor);
  FOREGATE_CHECK_EQ(destination.size() % row_bytes, 0u);
  const int64_t num_rows = tensor.gguf ? tensor.gguf->num_rows : tensor.entry.shape[0];
  FOREGATE_CHECK(first_row >= 0 && first_row <= num_rows);
  FOREGATE_CHECK_LE(destination.size() / row_bytes, static_cast<size_t>(num_rows - first_row));
  if (!tensor.gguf) return Read(tensor, static_cast<uint64_t>(first_row) * row_bytes, destination);
  return Named(tensor, ReadGgufRows(*tensor.file, *tensor.gguf, first_row, destination));
}

}  // namespace foregate
