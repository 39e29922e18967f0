// GgufValue: one value of a GGUF file's metadata, as checked bytes of the header.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_VALUE_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace foregate {

// Values are the ids in the files.
enum class GgufValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// "u32", "string", "array", ...
const char* GgufValueTypeName(GgufValueType type);
// Bytes of a value of fixed size; 0 for strings and arrays.
size_t GgufScalarBytes(GgufValueType type);

// A view: the header that it came from must outlive it, and has checked that every length inside lies within its bytes.
// Conversions give nothing when the value is of another type or does not fit. Strings are as the file has them, not
// necessarily UTF-8. A list takes up to 16 bytes of memory for one of the file: ask num_elements() first.
class GgufValue {
 public:
  // `bytes` begins behind the type: the scalar, the string with its length, or the array with element type and count.
  GgufValue(GgufValueType type, std::string_view bytes) : type_(type), bytes_(bytes) {}

  GgufValueType type() const { return type_; }
  bool is_array() const { return type_ == GgufValueType::kArray; }
  // Of an array.
  GgufValueType element_type() const;
  uint64_t num_elements() const;

  std::optional<int64_t> AsInteger() const;  // from every integer type
  std::optional<double> AsNumber() const;    // from every number type
  std::optional<bool> AsBool() const;
  std::optional<std::string_view> AsString() const;
  std::optional<std::vector<int64_t>> AsIntegers() const;
  std::optional<std::vector<double>> AsNumbers() const;
  std::optional<std::vector<std::string_view>> AsStrings() const;
  // The elements of an array of arrays.
  std::optional<std::vector<GgufValue>> AsArrays() const;

 private:
  std::string_view Elements() const;
  template <typename T, typename Convert>
  std::optional<std::vector<T>> Scalars(const Convert& convert) const;

  GgufValueType type_;
  std::string_view bytes_;
};

// Bytes that a checked value of `type` takes at the beginning of `bytes`.
size_t GgufValueBytes(GgufValueType type, std::string_view bytes);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_VALUE_H_
