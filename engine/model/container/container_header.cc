#include "engine/model/container/container_header.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "engine/model/json_document.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "FOREGATE";
constexpr size_t kMaxTensorRank = 2;
constexpr const char* kWholePart = "whole";
constexpr uint64_t kMaxExtent = uint64_t{1} << 31;

template <typename T>
T ReadLittleEndian(std::string_view bytes, size_t offset) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | static_cast<uint8_t>(bytes[offset + i]));
  return value;
}

template <typename T>
void AppendLittleEndian(std::string& bytes, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

std::optional<DType> ParseStoredType(const std::string& name) {
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kF16}) {
    if (name == DTypeName(dtype)) return dtype;
  }
  return std::nullopt;
}

// Reads one entry's fields; remembers the first that is wrong.
class EntryReader {
 public:
  EntryReader(const json& entry, size_t num_fields, std::string where, uint64_t payload_bytes)
      : entry_(entry), where_(std::move(where)), payload_bytes_(payload_bytes) {
    if (!entry.is_array() || entry.size() != num_fields) Fail("entry", entry);
  }

  uint64_t Integer(size_t i, const char* name, uint64_t limit) {
    if (!status_.ok()) return 0;
    if (entry_[i].is_number_unsigned() && entry_[i].get<uint64_t>() <= limit) return entry_[i].get<uint64_t>();
    Fail(name, entry_[i]);
    return 0;
  }
  std::string Text(size_t i, const char* name) {
    if (!status_.ok()) return "";
    if (entry_[i].is_string()) return entry_[i].get<std::string>();
    Fail(name, entry_[i]);
    return "";
  }
  // Offset and bytes of a range of the payload, at fields i and i + 1.
  void Range(size_t i, uint64_t* offset, uint64_t* num_bytes) {
    *offset = Integer(i, "offset", payload_bytes_);
    *num_bytes = Integer(i + 1, "bytes", payload_bytes_ - *offset);
  }
  WeightFormat Format(size_t i) {
    const std::string name = Text(i, "format");
    const std::optional<WeightFormat> format = ParseWeightFormat(name);
    if (!format.has_value() && status_.ok()) Fail("format", entry_[i]);
    return format.value_or(WeightFormat::kF32);
  }
  const json* Field(size_t i) const { return status_.ok() ? &entry_[i] : nullptr; }
  void Fail(const char* name, const json& value) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(where_ + ": " + name + ": " + JsonExcerpt(value));
  }
  const absl::Status& status() const { return status_; }

 private:
  const json& entry_;
  const std::string where_;
  const uint64_t payload_bytes_;
  absl::Status status_;
};

// [name, stored type, [shape], format or "", offset, bytes]
absl::StatusOr<ContainerDirectory::Tensor> ReadTensor(const json& entry, const std::string& where, uint64_t payload) {
  EntryReader reader(entry, 6, where, payload);
  ContainerDirectory::Tensor tensor;
  tensor.name = reader.Text(0, "name");
  const std::string stored = reader.Text(1, "type");
  if (const std::optional<DType> dtype = ParseStoredType(stored)) {
    tensor.stored = *dtype;
  } else if (reader.status().ok()) {
    reader.Fail("type", entry[1]);
  }
  if (const json* shape = reader.Field(2)) {
    if (!shape->is_array() || shape->empty() || shape->size() > kMaxTensorRank) {
      reader.Fail("shape", *shape);
    } else {
      EntryReader extents(*shape, shape->size(), where + ": shape", payload);
      for (size_t i = 0; i < shape->size(); ++i)
        tensor.shape.push_back(static_cast<int64_t>(extents.Integer(i, "extent", kMaxExtent)));
      FOREGATE_RETURN_IF_ERROR(extents.status());
    }
  }
  if (!reader.Text(3, "format").empty()) tensor.format = reader.Format(3);
  reader.Range(4, &tensor.offset, &tensor.num_bytes);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  return tensor;
}

// [layer, expert, hidden, width, [parts]], a part is [kind, format, offset, bytes], in the order gate, up, down
absl::StatusOr<ContainerDirectory::Expert> ReadExpert(const json& entry, const std::string& where, uint64_t payload) {
  EntryReader reader(entry, 5, where, payload);
  ContainerDirectory::Expert expert;
  expert.layer = static_cast<int32_t>(reader.Integer(0, "layer", 1 << 16));
  expert.expert = static_cast<int32_t>(reader.Integer(1, "expert", 1 << 20));
  expert.hidden = static_cast<int64_t>(reader.Integer(2, "hidden", kMaxExtent));
  expert.width = static_cast<int64_t>(reader.Integer(3, "width", kMaxExtent));
  const json* parts = reader.Field(4);
  if (parts != nullptr && (!parts->is_array() || parts->size() != expert.parts.size())) reader.Fail("parts", *parts);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  for (size_t i = 0; i < expert.parts.size(); ++i) {
    EntryReader part((*parts)[i], 4, where + ": part " + std::to_string(i), payload);
    if (part.Text(0, "kind") != kWholePart && part.status().ok()) part.Fail("kind", (*parts)[i]);
    expert.parts[i].format = part.Format(1);
    part.Range(2, &expert.parts[i].offset, &expert.parts[i].num_bytes);
    FOREGATE_RETURN_IF_ERROR(part.status());
  }
  return expert;
}

std::string HexDigest(const uint64_t (&digest)[2]) {
  char text[33];
  std::snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, digest[1], digest[0]);
  return text;
}

bool ParseHexDigest(const std::string& text, uint64_t (&digest)[2]) {
  if (text.size() != 32 || text.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  digest[1] = std::stoull(text.substr(0, 16), nullptr, 16);
  digest[0] = std::stoull(text.substr(16), nullptr, 16);
  return true;
}

}  // namespace

bool ContainerDirectory::DescribesSame(const ContainerDirectory& other) const {
  return layout == other.layout && contract == other.contract && source == other.source && tensors == other.tensors &&
         experts == other.experts;
}

absl::StatusOr<ContainerPreamble> ParseContainerPreamble(std::string_view bytes, uint64_t file_bytes,
                                                         const std::string& file) {
  if (bytes.size() < kContainerPreambleBytes || bytes.substr(0, kMagic.size()) != kMagic)
    return absl::InvalidArgumentError(file + ": not a packed container");
  const auto version = ReadLittleEndian<uint32_t>(bytes, 8);
  if (version != kContainerVersion)
    return absl::InvalidArgumentError(file + ": container version " + std::to_string(version) + ", want " +
                                      std::to_string(kContainerVersion));
  ContainerPreamble preamble;
  preamble.directory_bytes = ReadLittleEndian<uint32_t>(bytes, 12);
  preamble.payload_offset = ReadLittleEndian<uint64_t>(bytes, 16);
  preamble.payload_bytes = ReadLittleEndian<uint64_t>(bytes, 24);
  preamble.header_hash = ReadLittleEndian<uint64_t>(bytes, 32);
  if (preamble.directory_bytes > kMaxContainerDirectoryBytes)
    return absl::InvalidArgumentError(file + ": a directory of " + std::to_string(preamble.directory_bytes) + " bytes");
  if (preamble.payload_offset > file_bytes || preamble.payload_bytes != file_bytes - preamble.payload_offset)
    return absl::InvalidArgumentError(file + ": " + std::to_string(file_bytes) + " bytes, the header promises " +
                                      std::to_string(preamble.payload_bytes) + " from " +
                                      std::to_string(preamble.payload_offset) + " on (truncated file?)");
  const uint64_t header_bytes =
      kContainerPreambleBytes + preamble.directory_bytes + preamble.num_chunks() * sizeof(uint64_t);
  if (preamble.payload_offset % kContainerAlignment != 0 || preamble.payload_offset < header_bytes)
    return absl::InvalidArgumentError(file + ": payload offset " + std::to_string(preamble.payload_offset) +
                                      " is not aligned or inside the header");
  return preamble;
}

std::string SerializeContainerPreamble(const ContainerPreamble& preamble) {
  std::string bytes(kMagic);
  AppendLittleEndian(bytes, kContainerVersion);
  AppendLittleEndian(bytes, static_cast<uint32_t>(preamble.directory_bytes));
  AppendLittleEndian(bytes, preamble.payload_offset);
  AppendLittleEndian(bytes, preamble.payload_bytes);
  AppendLittleEndian(bytes, preamble.header_hash);
  return bytes;
}

absl::StatusOr<ContainerDirectory> ParseContainerDirectory(std::string_view text, uint64_t payload_bytes,
                                                           const std::string& file) {
  const std::string where = file + ": directory";
  FOREGATE_ASSIGN_OR_RETURN(const json document, ParseJsonObject(text, where));
  ContainerDirectory directory;
  for (const auto& [key, value] : {std::pair("layout", &directory.layout), std::pair("contract", &directory.contract),
                                   std::pair("source", &directory.source)}) {
    if (!document.contains(key) || !document[key].is_string())
      return absl::InvalidArgumentError(where + ": " + key + ": want a string");
    *value = document[key].get<std::string>();
  }
  if (!document.contains("digest") || !document["digest"].is_string() ||
      !ParseHexDigest(document["digest"].get<std::string>(), directory.digest))
    return absl::InvalidArgumentError(where + ": digest: want 32 hexadecimal digits");
  for (const char* key : {"tensors", "experts"}) {
    if (!document.contains(key) || !document[key].is_array())
      return absl::InvalidArgumentError(where + ": " + key + ": want a list");
  }
  for (const json& entry : document["tensors"]) {
    const std::string at = where + ": tensor " + std::to_string(directory.tensors.size());
    FOREGATE_ASSIGN_OR_RETURN(ContainerDirectory::Tensor tensor, ReadTensor(entry, at, payload_bytes));
    directory.tensors.push_back(std::move(tensor));
  }
  for (const json& entry : document["experts"]) {
    const std::string at = where + ": expert " + std::to_string(directory.experts.size());
    FOREGATE_ASSIGN_OR_RETURN(ContainerDirectory::Expert expert, ReadExpert(entry, at, payload_bytes));
    directory.experts.push_back(expert);
  }
  return directory;
}

std::string SerializeContainerDirectory(const ContainerDirectory& directory) {
  json tensors = json::array();
  for (const ContainerDirectory::Tensor& tensor : directory.tensors) {
    tensors.push_back({tensor.name, DTypeName(tensor.stored), tensor.shape,
                       tensor.format.has_value() ? WeightFormatName(*tensor.format) : "", tensor.offset,
                       tensor.num_bytes});
  }
  json experts = json::array();
  for (const ContainerDirectory::Expert& expert : directory.experts) {
    json parts = json::array();
    for (const ContainerDirectory::Part& part : expert.parts)
      parts.push_back({kWholePart, WeightFormatName(part.format), part.offset, part.num_bytes});
    experts.push_back({expert.layer, expert.expert, expert.hidden, expert.width, std::move(parts)});
  }
  const json document = {{"layout", directory.layout},    {"contract", directory.contract},
                         {"source", directory.source},    {"digest", HexDigest(directory.digest)},
                         {"tensors", std::move(tensors)}, {"experts", std::move(experts)}};
  return document.dump();
}

}  // namespace foregate
