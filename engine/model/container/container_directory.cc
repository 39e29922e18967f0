#include "engine/model/container/container_directory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/json_document.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

using nlohmann::json;

constexpr size_t kMaxTensorRank = 2;
constexpr std::array kKindNames = {"whole", "base", "delta"};    // by PartKind
constexpr std::array kProjectionNames = {"gate", "up", "down"};  // by Projection
constexpr size_t kMaxParts = 24;                                 // of one expert
constexpr uint64_t kMaxExtent = uint64_t{1} << 31;

std::optional<DType> ParseStoredType(const std::string& name) {
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kF16}) {
    if (name == DTypeName(dtype)) return dtype;
  }
  return std::nullopt;
}

constexpr size_t kHexDigits = 16;  // of 64 bits

std::string Hex(uint64_t value) {
  char text[kHexDigits + 1];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

std::optional<uint64_t> ParseHex(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != kHexDigits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
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
  uint64_t Hex(size_t i, const char* name) {
    const std::optional<uint64_t> value = ParseHex(Text(i, name));
    if (!value.has_value() && status_.ok()) Fail(name, entry_[i]);
    return value.value_or(0);
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
  // One of `names`, as its index.
  template <typename Enum, size_t kCount>
  Enum Choice(size_t i, const char* name, const std::array<const char*, kCount>& names) {
    const std::string text = Text(i, name);
    const auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) return static_cast<Enum>(found - names.begin());
    if (status_.ok()) Fail(name, entry_[i]);
    return Enum{};
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

// [kind, projection, codec, offset, bytes, checksum]
absl::StatusOr<ContainerDirectory::Part> ReadPart(const json& entry, const std::string& where, uint64_t payload) {
  EntryReader reader(entry, 6, where, payload);
  ContainerDirectory::Part part;
  part.kind = reader.Choice<PartKind>(0, "kind", kKindNames);
  part.projection = reader.Choice<Projection>(1, "projection", kProjectionNames);
  part.codec = reader.Format(2);
  reader.Range(3, &part.offset, &part.num_bytes);
  part.checksum = reader.Hex(5, "checksum");
  FOREGATE_RETURN_IF_ERROR(reader.status());
  if (part.offset % kContainerAlignment != 0)
    return absl::InvalidArgumentError(where + ": offset " + std::to_string(part.offset) + " is not a multiple of " +
                                      std::to_string(kContainerAlignment));
  return part;
}

// Every projection once, in order; an expert's own parts adjacent.
absl::Status CheckParts(const std::vector<ContainerDirectory::Part>& parts, const std::string& where) {
  const auto fail = [&](size_t i, const char* what) {
    return absl::InvalidArgumentError(where + ": part " + std::to_string(i) + ": " + what);
  };
  size_t num_projections = 0;
  std::optional<uint64_t> end;  // of the last part that is the expert's own, padded
  for (size_t i = 0; i < parts.size(); ++i) {
    const ContainerDirectory::Part& part = parts[i];
    if (part.kind == PartKind::kDelta) {
      if (i == 0 || parts[i - 1].kind == PartKind::kWhole || parts[i - 1].projection != part.projection)
        return fail(i, "a delta without a base before it");
    } else if (static_cast<size_t>(part.projection) != num_projections++) {
      return fail(i, "want gate, up and down in this order, each once");
    }
    if (part.kind == PartKind::kBase) continue;
    if (end.has_value() && part.offset != *end) return fail(i, "is not adjacent to the one before it");
    end = (part.offset + part.num_bytes + kContainerAlignment - 1) / kContainerAlignment * kContainerAlignment;
  }
  return num_projections == kProjections.size()
             ? absl::OkStatus()
             : absl::InvalidArgumentError(where + ": parts: a projection is missing");
}

// [layer, expert, hidden, width, [parts]]
absl::StatusOr<ContainerDirectory::Expert> ReadExpert(const json& entry, const std::string& where, uint64_t payload) {
  EntryReader reader(entry, 5, where, payload);
  ContainerDirectory::Expert expert;
  expert.layer = static_cast<int32_t>(reader.Integer(0, "layer", 1 << 16));
  expert.expert = static_cast<int32_t>(reader.Integer(1, "expert", 1 << 20));
  expert.hidden = static_cast<int64_t>(reader.Integer(2, "hidden", kMaxExtent));
  expert.width = static_cast<int64_t>(reader.Integer(3, "width", kMaxExtent));
  const json* parts = reader.Field(4);
  if (parts != nullptr && (!parts->is_array() || parts->size() > kMaxParts)) reader.Fail("parts", *parts);
  FOREGATE_RETURN_IF_ERROR(reader.status());
  for (const json& part : *parts) {
    FOREGATE_ASSIGN_OR_RETURN(expert.parts.emplace_back(),
                              ReadPart(part, where + ": part " + std::to_string(expert.parts.size()), payload));
  }
  FOREGATE_RETURN_IF_ERROR(CheckParts(expert.parts, where));
  return expert;
}

// All that is known before the weights are read.
bool IsSamePart(const ContainerDirectory::Part& a, const ContainerDirectory::Part& b) {
  return a.kind == b.kind && a.projection == b.projection && a.codec == b.codec && a.offset == b.offset &&
         a.num_bytes == b.num_bytes;
}

bool IsSameExpert(const ContainerDirectory::Expert& a, const ContainerDirectory::Expert& b) {
  return a.layer == b.layer && a.expert == b.expert && a.hidden == b.hidden && a.width == b.width &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(), IsSamePart);
}

std::string HexDigest(const uint64_t (&digest)[2]) { return Hex(digest[1]) + Hex(digest[0]); }

bool ParseHexDigest(std::string_view text, uint64_t (&digest)[2]) {
  if (text.size() != 2 * kHexDigits) return false;
  const std::optional<uint64_t> high = ParseHex(text.substr(0, kHexDigits));
  const std::optional<uint64_t> low = ParseHex(text.substr(kHexDigits));
  if (!high.has_value() || !low.has_value()) return false;
  digest[1] = *high;
  digest[0] = *low;
  return true;
}

}  // namespace

bool ContainerDirectory::DescribesSame(const ContainerDirectory& other) const {
  return layout == other.layout && isa == other.isa && contract == other.contract && source == other.source &&
         tensors == other.tensors &&
         std::equal(experts.begin(), experts.end(), other.experts.begin(), other.experts.end(), IsSameExpert);
}

absl::StatusOr<ContainerDirectory> ParseContainerDirectory(std::string_view text, uint64_t payload_bytes,
                                                           const std::string& file) {
  const std::string where = file + ": directory";
  FOREGATE_ASSIGN_OR_RETURN(const json document, ParseJsonObject(text, where));
  ContainerDirectory directory;
  for (const auto& [key, value] :
       {std::pair("layout", &directory.layout), std::pair("isa", &directory.isa),
        std::pair("contract", &directory.contract), std::pair("source", &directory.source)}) {
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
    directory.experts.push_back(std::move(expert));
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
      parts.push_back({kKindNames[static_cast<size_t>(part.kind)],
                       kProjectionNames[static_cast<size_t>(part.projection)], WeightFormatName(part.codec),
                       part.offset, part.num_bytes, Hex(part.checksum)});
    experts.push_back({expert.layer, expert.expert, expert.hidden, expert.width, std::move(parts)});
  }
  const json document = {{"layout", directory.layout},
                         {"isa", directory.isa},
                         {"contract", directory.contract},
                         {"source", directory.source},
                         {"digest", HexDigest(directory.digest)},
                         {"tensors", std::move(tensors)},
                         {"experts", std::move(experts)}};
  return document.dump();
}

}  // namespace foregate
