#include "engine/formats/gguf/value.h"

#include <bit>
#include <cstring>

#include "kernels/base/check.h"

namespace foregate {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF numbers are little-endian and read as they are");

constexpr size_t kArrayHeadBytes = 12;  // u32 element type, u64 count
constexpr size_t kLengthBytes = 8;

template <typename T>
T Load(std::string_view bytes) {
  FOREGATE_CHECK_LE(sizeof(T), bytes.size());
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::string_view TakeString(std::string_view& bytes) {
  const auto length = Load<uint64_t>(bytes);
  FOREGATE_CHECK_LE(length, bytes.size() - kLengthBytes);
  const std::string_view text = bytes.substr(kLengthBytes, length);
  bytes.remove_prefix(kLengthBytes + length);
  return text;
}

}  // namespace

const char* GgufValueTypeName(GgufValueType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  const auto id = static_cast<size_t>(type);
  return id < std::size(kNames) ? kNames[id] : "?";
}

size_t GgufScalarBytes(GgufValueType type) {
  switch (type) {
    case GgufValueType::kUint8:
    case GgufValueType::kInt8:
    case GgufValueType::kBool:
      return 1;
    case GgufValueType::kUint16:
    case GgufValueType::kInt16:
      return 2;
    case GgufValueType::kUint32:
    case GgufValueType::kInt32:
    case GgufValueType::kFloat32:
      return 4;
    case GgufValueType::kUint64:
    case GgufValueType::kInt64:
    case GgufValueType::kFloat64:
      return 8;
    case GgufValueType::kString:
    case GgufValueType::kArray:
      return 0;
  }
  return 0;
}

size_t GgufValueBytes(GgufValueType type, std::string_view bytes) {
  if (type == GgufValueType::kString) return kLengthBytes + Load<uint64_t>(bytes);
  if (type != GgufValueType::kArray) return GgufScalarBytes(type);
  const auto element = static_cast<GgufValueType>(Load<uint32_t>(bytes));
  const auto count = Load<uint64_t>(bytes.substr(4));
  const size_t scalar_bytes = GgufScalarBytes(element);
  if (scalar_bytes != 0) return kArrayHeadBytes + scalar_bytes * count;
  size_t size = kArrayHeadBytes;
  for (uint64_t i = 0; i < count; ++i) size += GgufValueBytes(element, bytes.substr(size));
  return size;
}

GgufValueType GgufValue::element_type() const {
  FOREGATE_CHECK(is_array());
  return static_cast<GgufValueType>(Load<uint32_t>(bytes_));
}

uint64_t GgufValue::num_elements() const {
  FOREGATE_CHECK(is_array());
  return Load<uint64_t>(bytes_.substr(4));
}

std::string_view GgufValue::Elements() const { return bytes_.substr(kArrayHeadBytes); }

std::optional<int64_t> GgufValue::AsInteger() const {
  switch (type_) {
    case GgufValueType::kUint8:
      return Load<uint8_t>(bytes_);
    case GgufValueType::kInt8:
      return Load<int8_t>(bytes_);
    case GgufValueType::kUint16:
      return Load<uint16_t>(bytes_);
    case GgufValueType::kInt16:
      return Load<int16_t>(bytes_);
    case GgufValueType::kUint32:
      return Load<uint32_t>(bytes_);
    case GgufValueType::kInt32:
      return Load<int32_t>(bytes_);
    case GgufValueType::kInt64:
      return Load<int64_t>(bytes_);
    case GgufValueType::kUint64: {
      const auto value = Load<uint64_t>(bytes_);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> GgufValue::AsNumber() const {
  if (type_ == GgufValueType::kFloat32) return Load<float>(bytes_);
  if (type_ == GgufValueType::kFloat64) return Load<double>(bytes_);
  const std::optional<int64_t> integer = AsInteger();
  if (!integer) return std::nullopt;
  return static_cast<double>(*integer);
}

std::optional<bool> GgufValue::AsBool() const {
  if (type_ != GgufValueType::kBool) return std::nullopt;
  return Load<uint8_t>(bytes_) != 0;
}

std::optional<std::string_view> GgufValue::AsString() const {
  if (type_ != GgufValueType::kString) return std::nullopt;
  std::string_view bytes = bytes_;
  return TakeString(bytes);
}

template <typename T, typename Convert>
std::optional<std::vector<T>> GgufValue::Scalars(const Convert& convert) const {
  if (!is_array()) return std::nullopt;
  const size_t size = GgufScalarBytes(element_type());
  if (size == 0) return std::nullopt;
  std::vector<T> values;
  values.reserve(num_elements());
  for (uint64_t i = 0; i < num_elements(); ++i) {
    const std::optional<T> value = convert(GgufValue(element_type(), Elements().substr(i * size, size)));
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<std::vector<int64_t>> GgufValue::AsIntegers() const {
  return Scalars<int64_t>([](const GgufValue& value) { return value.AsInteger(); });
}

std::optional<std::vector<double>> GgufValue::AsNumbers() const {
  return Scalars<double>([](const GgufValue& value) { return value.AsNumber(); });
}

std::optional<std::vector<std::string_view>> GgufValue::AsStrings() const {
  if (!is_array() || element_type() != GgufValueType::kString) return std::nullopt;
  std::vector<std::string_view> strings;
  strings.reserve(num_elements());
  std::string_view rest = Elements();
  for (uint64_t i = 0; i < num_elements(); ++i) strings.push_back(TakeString(rest));
  return strings;
}

std::optional<std::vector<GgufValue>> GgufValue::AsArrays() const {
  if (!is_array() || element_type() != GgufValueType::kArray) return std::nullopt;
  std::vector<GgufValue> arrays;
  arrays.reserve(num_elements());
  std::string_view rest = Elements();
  for (uint64_t i = 0; i < num_elements(); ++i) {
    const size_t size = GgufValueBytes(GgufValueType::kArray, rest);
    arrays.emplace_back(GgufValueType::kArray, rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return arrays;
}

}  // namespace foregate
