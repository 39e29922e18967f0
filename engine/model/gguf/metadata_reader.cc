#include "engine/model/gguf/metadata_reader.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace foregate {
namespace {

// One for each layer; the deepest model that we take has 1024.
constexpr uint64_t kMaxList = 4096;

std::optional<int64_t> OneInteger(const GgufValue& value) {
  if (!value.is_array()) return value.AsInteger();
  if (value.num_elements() == 0 || value.num_elements() > kMaxList) return std::nullopt;
  const std::optional<std::vector<int64_t>> list = value.AsIntegers();
  if (!list || std::any_of(list->begin(), list->end(), [&](int64_t n) { return n != list->front(); }))
    return std::nullopt;
  return list->front();
}

}  // namespace

void GgufMetadataReader::Fail(absl::StatusCode code, const char* key, const std::string& why) {
  if (!status_.ok()) return;
  status_ = absl::Status(code, header_.file() + ": metadata \"" + prefix_ + key + "\": " + why);
}

std::optional<int64_t> GgufMetadataReader::OptionalInteger(const char* key) {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<int64_t> integer = OneInteger(*value);
  if (!integer || *integer < 0 || *integer > INT32_MAX) {
    Refuse(key, "want one integer in [0, 2147483647], the same for every layer");
    return std::nullopt;
  }
  return integer;
}

int64_t GgufMetadataReader::Integer(const char* key, std::optional<int64_t> absent) {
  const std::optional<int64_t> integer = OptionalInteger(key);
  if (!integer && !absent) Refuse(key, "missing");
  return integer.value_or(absent.value_or(0));
}

std::optional<double> GgufMetadataReader::OptionalNumber(const char* key) {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = value->AsNumber();
  if (!number || !std::isfinite(*number)) Refuse(key, "want a finite number");
  return number;
}

double GgufMetadataReader::Number(const char* key) {
  const std::optional<double> number = OptionalNumber(key);
  if (!number) Refuse(key, "missing");
  return number.value_or(0);
}

std::optional<bool> GgufMetadataReader::OptionalBool(const char* key) {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<bool> flag = value->AsBool();
  if (!flag) Refuse(key, "want a bool");
  return flag;
}

std::optional<std::string> GgufMetadataReader::OptionalString(const char* key) {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<std::string_view> text = value->AsString();
  if (!text) Refuse(key, "want a string");
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

void GgufMetadataReader::RequireNumber(const char* key, double only) {
  const std::optional<double> number = OptionalNumber(key);
  if (number && *number != only)
    Unsupported(key, std::to_string(*number) + " is not supported, only " + std::to_string(only));
}

void GgufMetadataReader::RequireString(const char* key, const char* only) {
  const std::optional<std::string> text = OptionalString(key);
  if (text && *text != only) Unsupported(key, std::string("only \"") + only + "\" is supported");
}

}  // namespace foregate
