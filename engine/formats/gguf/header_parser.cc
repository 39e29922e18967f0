#include "engine/formats/gguf/header_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 48;
constexpr uint64_t kMinEntryBytes = 8 + 1 + 4 + 1;           // key of one byte, type, one byte
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;  // name of one byte, one extent
constexpr uint64_t kMinStringBytes = 8;
constexpr uint64_t kMinArrayBytes = 12;
constexpr uint64_t kMaxAlignment = 1 << 16;

// A name from the file for a message: printable, quoted, cut.
std::string Quote(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMaxShown)) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + (text.size() > kMaxShown ? "...\"" : "\"");
}

bool IsPlainName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

absl::Status CheckVersion(uint32_t version, const std::string& file) {
  if (version == 2 || version == 3) return absl::OkStatus();
  if (version == 1)
    return absl::UnimplementedError(file + ": GGUF version 1 is not supported; convert the model again");
  if (version != 0 && (version & 0xffffu) == 0)
    return absl::UnimplementedError(file + ": a big-endian GGUF file (version reads " + std::to_string(version) +
                                    "), only little-endian is supported");
  return absl::UnimplementedError(file + ": GGUF version " + std::to_string(version) +
                                  " is not supported; versions 2 and 3 are");
}

// Also for an id that no enumerator has.
bool IsValueType(uint32_t id) { return id <= static_cast<uint32_t>(GgufValueType::kFloat64); }

}  // namespace

std::string GgufHeaderParser::Here() const { return file_ + ": byte " + std::to_string(position_) + ": "; }

absl::Status GgufHeaderParser::Need(uint64_t count, const std::string& where) const {
  FOREGATE_CHECK_LE(position_, file_bytes_);
  if (count > file_bytes_ - position_)
    return absl::InvalidArgumentError(Here() + where + " takes " + std::to_string(count) + " bytes, the file has " +
                                      std::to_string(file_bytes_ - position_) + " more (truncated file?)");
  if (count > bytes_.size() - position_)
    return absl::OutOfRangeError(Here() + where + ": behind the bytes that were read");
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<T> GgufHeaderParser::Number(const std::string& where) {
  FOREGATE_RETURN_IF_ERROR(Need(sizeof(T), where));
  T value;
  std::memcpy(&value, bytes_.data() + position_, sizeof(T));
  position_ += sizeof(T);
  return value;
}

absl::StatusOr<std::string_view> GgufHeaderParser::String(const std::string& where) {
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t length, Number<uint64_t>(where));
  FOREGATE_RETURN_IF_ERROR(Need(length, where));
  const std::string_view text = bytes_.substr(position_, length);
  position_ += length;
  return text;
}

absl::StatusOr<GgufValueType> GgufHeaderParser::ValueType(const std::string& where) {
  const std::string here = Here();
  FOREGATE_ASSIGN_OR_RETURN(const uint32_t id, Number<uint32_t>(where));
  if (!IsValueType(id))
    return absl::InvalidArgumentError(here + where + ": value type " + std::to_string(id) + " is not known");
  return static_cast<GgufValueType>(id);
}

absl::StatusOr<GgufHeaderParser::Counts> GgufHeaderParser::ReadStart(GgufHeader& header) {
  if (!LooksLikeGguf(bytes_)) return absl::InvalidArgumentError(file_ + ": does not begin with GGUF: not a GGUF file");
  position_ = 4;
  FOREGATE_ASSIGN_OR_RETURN(header.version_, Number<uint32_t>("version"));
  FOREGATE_RETURN_IF_ERROR(CheckVersion(header.version_, file_));
  Counts counts;
  FOREGATE_ASSIGN_OR_RETURN(counts.tensors, Number<uint64_t>("number of tensors"));
  FOREGATE_ASSIGN_OR_RETURN(counts.entries, Number<uint64_t>("number of metadata entries"));
  const uint64_t rest = file_bytes_ - position_;
  if (counts.tensors > std::min(kMaxGgufTensors, rest / kMinTensorBytes))
    return absl::InvalidArgumentError(file_ + ": byte 8: " + std::to_string(counts.tensors) +
                                      " tensors, more than the file can hold or the limit of " +
                                      std::to_string(kMaxGgufTensors));
  if (counts.entries > std::min(kMaxGgufEntries, rest / kMinEntryBytes))
    return absl::InvalidArgumentError(file_ + ": byte 16: " + std::to_string(counts.entries) +
                                      " metadata entries, more than the file can hold or the limit of " +
                                      std::to_string(kMaxGgufEntries));
  return counts;
}

absl::Status GgufHeaderParser::CheckBools(uint64_t count, const std::string& where) {
  for (uint64_t i = 0; i < count; ++i) {
    if (static_cast<uint8_t>(bytes_[position_ + i]) > 1)
      return absl::InvalidArgumentError(Here() + where + ": a bool that is neither 0 nor 1");
  }
  return absl::OkStatus();
}

absl::Status GgufHeaderParser::SkipArray(int depth, const std::string& where) {
  if (depth > kMaxGgufArrayDepth)
    return absl::InvalidArgumentError(Here() + where + ": arrays nested deeper than " +
                                      std::to_string(kMaxGgufArrayDepth));
  FOREGATE_ASSIGN_OR_RETURN(const GgufValueType element, ValueType(where));
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t count, Number<uint64_t>(where));
  const uint64_t scalar_bytes = GgufScalarBytes(element);
  const uint64_t least = element == GgufValueType::kString  ? kMinStringBytes
                         : element == GgufValueType::kArray ? kMinArrayBytes
                                                            : scalar_bytes;
  if (count > (file_bytes_ - position_) / least)
    return absl::InvalidArgumentError(Here() + where + ": " + std::to_string(count) + " elements of type " +
                                      GgufValueTypeName(element) + " do not fit the file (truncated file?)");
  if (scalar_bytes == 0) {
    for (uint64_t i = 0; i < count; ++i) FOREGATE_RETURN_IF_ERROR(SkipValue(element, depth, where));
    return absl::OkStatus();
  }
  FOREGATE_RETURN_IF_ERROR(Need(count * scalar_bytes, where));
  if (element == GgufValueType::kBool) FOREGATE_RETURN_IF_ERROR(CheckBools(count, where));
  position_ += count * scalar_bytes;
  return absl::OkStatus();
}

absl::Status GgufHeaderParser::SkipValue(GgufValueType type, int depth, const std::string& where) {
  if (type == GgufValueType::kString) return String(where).status();
  if (type == GgufValueType::kArray) return SkipArray(depth + 1, where);
  const uint64_t size = GgufScalarBytes(type);
  FOREGATE_RETURN_IF_ERROR(Need(size, where));
  if (type == GgufValueType::kBool) FOREGATE_RETURN_IF_ERROR(CheckBools(1, where));
  position_ += size;
  return absl::OkStatus();
}

absl::Status GgufHeaderParser::ReadEntry(uint64_t index, GgufHeader& header) {
  const std::string start = Here();
  const std::string number = "metadata entry " + std::to_string(index);
  FOREGATE_ASSIGN_OR_RETURN(const std::string_view key, String(number));
  if (key.size() > kMaxGgufKeyBytes || !IsPlainName(key))
    return absl::InvalidArgumentError(start + number + ": want a key of 1 to " + std::to_string(kMaxGgufKeyBytes) +
                                      " printable characters: " + Quote(key));
  const std::string where = "metadata " + Quote(key);
  FOREGATE_ASSIGN_OR_RETURN(const GgufValueType type, ValueType(where));
  const uint64_t begin = position_;
  FOREGATE_RETURN_IF_ERROR(SkipValue(type, 0, where));
  if (!header.metadata_.emplace(key, GgufValue(type, bytes_.substr(begin, position_ - begin))).second)
    return absl::InvalidArgumentError(start + where + " is given twice");
  return absl::OkStatus();
}

absl::Status GgufHeaderParser::ReadShape(const std::string& where, GgufTensor& tensor) {
  const std::string start = Here();
  FOREGATE_ASSIGN_OR_RETURN(const uint32_t num_dimensions, Number<uint32_t>(where));
  if (num_dimensions < 1 || num_dimensions > kMaxGgufDimensions)
    return absl::InvalidArgumentError(start + where + ": " + std::to_string(num_dimensions) + " extents, want 1 to 4");
  uint64_t elements = 1;
  for (uint32_t i = 0; i < num_dimensions; ++i) {
    FOREGATE_ASSIGN_OR_RETURN(const uint64_t extent, Number<uint64_t>(where));
    // Every type takes at least a quarter of a byte for each element.
    if (extent == 0 || extent > 4 * kMaxTensorBytes / elements)
      return absl::InvalidArgumentError(start + where + ": extent " + std::to_string(extent) +
                                        " is zero or makes the tensor larger than 2^48 bytes");
    elements *= extent;
    tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));  // the file has the innermost first
  }
  return absl::OkStatus();
}

absl::StatusOr<GgufTensor> GgufHeaderParser::ReadTensor(uint64_t index) {
  const std::string start = Here();
  const std::string number = "tensor " + std::to_string(index);
  FOREGATE_ASSIGN_OR_RETURN(const std::string_view name, String(number));
  if (name.size() > kMaxGgufNameBytes || !IsPlainName(name))
    return absl::InvalidArgumentError(start + number + ": want a name of 1 to " + std::to_string(kMaxGgufNameBytes) +
                                      " printable characters: " + Quote(name));
  const std::string where = "tensor " + Quote(name);
  GgufTensor tensor;
  tensor.name = name;
  FOREGATE_RETURN_IF_ERROR(ReadShape(where, tensor));
  const std::string type_start = Here();
  FOREGATE_ASSIGN_OR_RETURN(const uint32_t type, Number<uint32_t>(where));
  if (!IsReadableGgufType(type)) {
    const char* type_name = GgufTypeName(type);
    return absl::UnimplementedError(
        type_start + where + ": type " +
        (type_name == nullptr ? std::to_string(type) + " is not known" : std::string(type_name) + " is not supported"));
  }
  tensor.type = static_cast<GgufTensorType>(type);
  const GgufBlockSize block = BlockSizeOf(tensor.type);
  if (tensor.shape.back() % block.block_elements != 0)
    return absl::InvalidArgumentError(type_start + where + ": rows of " + std::to_string(tensor.shape.back()) +
                                      " elements are no whole number of " + GgufTypeName(type) + " blocks of " +
                                      std::to_string(block.block_elements));
  // At most 2^50 / 32 * 210 or 2^50 * 4: no overflow.
  tensor.num_bytes = tensor.num_elements() / block.block_elements * block.block_bytes;
  FOREGATE_ASSIGN_OR_RETURN(tensor.offset, Number<uint64_t>(where));
  return tensor;
}

absl::StatusOr<uint64_t> GgufHeaderParser::Alignment(const GgufHeader& header) const {
  const GgufValue* value = header.Find("general.alignment");
  if (value == nullptr) return kDefaultGgufAlignment;
  const int64_t alignment = value->AsInteger().value_or(0);
  if (alignment < 1 || alignment > static_cast<int64_t>(kMaxAlignment) ||
      !std::has_single_bit(static_cast<uint64_t>(alignment)))
    return absl::InvalidArgumentError(file_ + ": metadata \"general.alignment\": want a power of two up to " +
                                      std::to_string(kMaxAlignment));
  return static_cast<uint64_t>(alignment);
}

absl::Status GgufHeaderParser::PlaceTensors(uint64_t alignment, std::vector<GgufTensor>& tensors) const {
  if (tensors.empty()) return absl::OkStatus();
  const uint64_t data_start = (position_ + alignment - 1) / alignment * alignment;
  const uint64_t data_bytes = file_bytes_ - std::min(file_bytes_, data_start);
  for (GgufTensor& tensor : tensors) {
    const std::string where =
        file_ + ": tensor " + Quote(tensor.name) + ": offset " + std::to_string(tensor.offset) + ": ";
    if (tensor.offset % alignment != 0)
      return absl::InvalidArgumentError(where + "not a multiple of the alignment " + std::to_string(alignment));
    if (tensor.offset > data_bytes || tensor.num_bytes > data_bytes - tensor.offset)
      return absl::InvalidArgumentError(where + std::to_string(tensor.num_bytes) + " bytes end behind the file's " +
                                        std::to_string(data_bytes) + " bytes of data (truncated file?)");
    tensor.offset += data_start;
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const GgufTensor& a, const GgufTensor& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < tensors.size(); ++i) {
    const GgufTensor& before = tensors[i - 1];
    if (before.offset + before.num_bytes > tensors[i].offset)
      return absl::InvalidArgumentError(file_ + ": tensor " + Quote(tensors[i].name) + ": overlaps tensor " +
                                        Quote(before.name) + " at byte " + std::to_string(tensors[i].offset));
  }
  return absl::OkStatus();
}

absl::Status GgufHeaderParser::Run(GgufHeader& header) {
  FOREGATE_ASSIGN_OR_RETURN(const Counts counts, ReadStart(header));
  for (uint64_t i = 0; i < counts.entries; ++i) FOREGATE_RETURN_IF_ERROR(ReadEntry(i, header));
  header.metadata_end_ = position_;
  std::set<std::string> names;
  for (uint64_t i = 0; i < counts.tensors; ++i) {
    const std::string start = Here();
    FOREGATE_ASSIGN_OR_RETURN(GgufTensor tensor, ReadTensor(i));
    if (!names.insert(tensor.name).second)
      return absl::InvalidArgumentError(start + "tensor " + Quote(tensor.name) + " is given twice");
    header.tensors_.push_back(std::move(tensor));
  }
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t alignment, Alignment(header));
  return PlaceTensors(alignment, header.tensors_);
}

}  // namespace foregate
