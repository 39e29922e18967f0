#include "engine/model/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/json_document.h"
#include "kernels/base/dtype.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 48;
constexpr size_t kMaxRank = 8;

std::optional<DType> ParseDType(const json& value) {
  if (value == "F32") return DType::kF32;
  if (value == "BF16") return DType::kBf16;
  if (value == "F16") return DType::kF16;
  if (value == "I32") return DType::kI32;
  return std::nullopt;
}

// Reads shape and computes the bytes it implies.
absl::Status ReadShape(const json& value, const std::string& where, TensorEntry& entry) {
  if (!value.is_array() || value.size() > kMaxRank)
    return absl::InvalidArgumentError(where + "shape: want a list of at most 8 extents: " + JsonExcerpt(value));
  uint64_t num_bytes = ElementBytes(entry.dtype);
  for (const json& extent : value) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > kMaxTensorBytes)
      return absl::InvalidArgumentError(where + "shape: extent out of range: " + JsonExcerpt(extent));
    const uint64_t size = extent.get<uint64_t>();
    if (size != 0 && num_bytes > kMaxTensorBytes / size)
      return absl::InvalidArgumentError(where + "shape: more than 2^48 bytes: " + JsonExcerpt(value));
    num_bytes *= size;
    entry.shape.push_back(static_cast<int64_t>(size));
  }
  entry.num_bytes = num_bytes;
  return absl::OkStatus();
}

absl::StatusOr<TensorEntry> ReadEntry(const std::string& name, const json& value, uint64_t data_start,
                                      uint64_t data_bytes, const std::string& file) {
  const std::string where = file + ": tensor " + JsonExcerpt(name) + ": ";
  if (!value.is_object()) return absl::InvalidArgumentError(where + "want an object: " + JsonExcerpt(value));
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.contains(key)) return absl::InvalidArgumentError(where + key + ": missing");
  }
  TensorEntry entry;
  entry.name = name;
  const std::optional<DType> dtype = ParseDType(value["dtype"]);
  if (!dtype)
    return absl::UnimplementedError(where + "dtype: want F32, BF16, F16 or I32: " + JsonExcerpt(value["dtype"]));
  entry.dtype = *dtype;
  FOREGATE_RETURN_IF_ERROR(ReadShape(value["shape"], where, entry));
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    return absl::InvalidArgumentError(where + "data_offsets: want two offsets: " + JsonExcerpt(offsets));
  const uint64_t begin = offsets[0].get<uint64_t>();
  const uint64_t end = offsets[1].get<uint64_t>();
  if (begin > end || end > data_bytes)
    return absl::InvalidArgumentError(where + "data_offsets: outside of the file's " + std::to_string(data_bytes) +
                                      " bytes of data (truncated file?): " + JsonExcerpt(offsets));
  if (end - begin != entry.num_bytes)
    return absl::InvalidArgumentError(where + "data_offsets: shape and dtype take " + std::to_string(entry.num_bytes) +
                                      " bytes: " + JsonExcerpt(offsets));
  entry.offset = data_start + begin;
  return entry;
}

}  // namespace

absl::StatusOr<uint64_t> SafetensorsHeaderLength(std::string_view first_bytes, uint64_t file_bytes,
                                                 const std::string& file) {
  if (first_bytes.size() < kSafetensorsLengthBytes || file_bytes < kSafetensorsLengthBytes)
    return absl::InvalidArgumentError(file + ": shorter than 8 bytes: not a safetensors file");
  uint64_t length = 0;
  for (size_t i = kSafetensorsLengthBytes; i-- > 0;) length = length << 8 | static_cast<uint8_t>(first_bytes[i]);
  if (length > kMaxSafetensorsHeaderBytes)
    return absl::InvalidArgumentError(file + ": header length " + std::to_string(length) + " exceeds the limit " +
                                      std::to_string(kMaxSafetensorsHeaderBytes) + ": not a safetensors file");
  if (length > file_bytes - kSafetensorsLengthBytes)
    return absl::InvalidArgumentError(file + ": header length " + std::to_string(length) + " exceeds the file's " +
                                      std::to_string(file_bytes) + " bytes (truncated file?)");
  return length;
}

absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(std::string_view header, uint64_t file_bytes,
                                                                const std::string& file) {
  const uint64_t data_start = kSafetensorsLengthBytes + header.size();
  if (file_bytes < data_start) return absl::InvalidArgumentError(file + ": truncated in its header");
  const uint64_t data_bytes = file_bytes - data_start;
  FOREGATE_ASSIGN_OR_RETURN(const json document, ParseJsonObject(header, file + ": header"));
  std::vector<TensorEntry> entries;
  entries.reserve(document.size());
  for (const auto& [name, value] : document.items()) {
    if (name == "__metadata__") continue;
    FOREGATE_ASSIGN_OR_RETURN(TensorEntry entry, ReadEntry(name, value, data_start, data_bytes, file));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.offset, a.offset + a.num_bytes) < std::pair(b.offset, b.offset + b.num_bytes);
  });
  uint64_t covered = data_start;
  for (const TensorEntry& entry : entries) {
    if (entry.offset != covered)
      return absl::InvalidArgumentError(
          file + ": tensor " + JsonExcerpt(entry.name) + ": data_offsets " +
          (entry.offset < covered ? "overlap the tensor before it" : "leave a hole behind the tensor before it"));
    covered += entry.num_bytes;
  }
  if (covered != file_bytes)
    return absl::InvalidArgumentError(file + ": " + std::to_string(file_bytes - covered) +
                                      " bytes behind the last tensor belong to none");
  return entries;
}

}  // namespace foregate
