#include "server/rpc/json_fields.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/struct.pb.h"
#include "kernels/base/status_macros.h"
#include "server/generation/status_details.h"
#include "server/text/ordered_json.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

// A Struct nests by messages, and protobuf's own parser stops at 100 levels, 3 of them for each level of JSON. The
// bound here is lower, so that nothing that recurses over the value later comes near its stack.
constexpr int kMaxJsonDepth = 32;
// Doubles hold every integer up to here; beyond, writing one as an integer would invent digits.
constexpr double kMaxExactInteger = 9007199254740992.0;

// Where a value stands. Spelled out only for an error: keys may be megabytes long, and values many.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;  // the whole path of the outermost place
  int index = -1;        // not negative: an element of a list

  int depth() const { return parent == nullptr ? 0 : parent->depth() + 1; }
  std::string Path() const {
    if (parent == nullptr) return std::string(key);
    return parent->Path() + (index >= 0 ? "[" + std::to_string(index) + "]" : "." + std::string(key));
  }
};

absl::StatusOr<Json> ToJson(const google::protobuf::Value& value, const Place& place);

// google.protobuf.Struct is a map without order; keys are sorted so that equal requests give equal prompts.
absl::StatusOr<Json> ToJson(const google::protobuf::Struct& value, const Place& place) {
  std::vector<const std::string*> keys;
  keys.reserve(static_cast<size_t>(value.fields_size()));
  for (const auto& entry : value.fields()) keys.push_back(&entry.first);
  std::sort(keys.begin(), keys.end(), [](const std::string* a, const std::string* b) { return *a < *b; });
  // Built as the sequence of pairs that an ordered object is: its operator[] searches all keys before.
  Json::object_t object;
  object.reserve(keys.size());
  for (const std::string* key : keys) {
    FOREGATE_ASSIGN_OR_RETURN(Json member, ToJson(value.fields().at(*key), Place{&place, *key}));
    object.push_back({*key, std::move(member)});
  }
  return Json(std::move(object));
}

absl::StatusOr<Json> ToJson(double number, const Place& place) {
  if (!std::isfinite(number)) return InvalidField(place.Path(), "JSON has no infinity and no NaN");
  if (number == std::floor(number) && std::fabs(number) <= kMaxExactInteger) {
    return Json(static_cast<int64_t>(number));
  }
  return Json(number);
}

absl::StatusOr<Json> ToJson(const google::protobuf::ListValue& value, const Place& place) {
  Json::array_t array;
  array.reserve(static_cast<size_t>(value.values_size()));
  for (int i = 0; i < value.values_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(Json element, ToJson(value.values(i), Place{&place, {}, i}));
    array.push_back(std::move(element));
  }
  return Json(std::move(array));
}

absl::StatusOr<Json> ToJson(const google::protobuf::Value& value, const Place& place) {
  if (place.depth() > kMaxJsonDepth) {
    return InvalidField(place.Path(), "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return ToJson(value.number_value(), place);
    case google::protobuf::Value::kStringValue:
      return Json(value.string_value());
    case google::protobuf::Value::kBoolValue:
      return Json(value.bool_value());
    case google::protobuf::Value::kStructValue:
      return ToJson(value.struct_value(), place);
    case google::protobuf::Value::kListValue:
      return ToJson(value.list_value(), place);
    case google::protobuf::Value::kNullValue:
    case google::protobuf::Value::KIND_NOT_SET:
      break;
  }
  return Json(nullptr);
}

}  // namespace

absl::StatusOr<Json> StructField(const google::protobuf::Struct& value, const std::string& field) {
  return ToJson(value, Place{nullptr, field});
}

absl::StatusOr<Json> ObjectTextField(const std::string& text, const std::string& field) {
  absl::StatusOr<Json> parsed = ParseOrderedJson(text);
  if (!parsed.ok()) return InvalidField(field, std::string(parsed.status().message()));
  if (!parsed->is_object()) return InvalidField(field, std::string("must be a JSON object, is ") + parsed->type_name());
  return parsed;
}

absl::StatusOr<Json> ObjectField(const google::protobuf::Struct* value, const std::string* text,
                                 const std::string& field) {
  if (text == nullptr) return value == nullptr ? Json::object() : StructField(*value, field);
  if (value != nullptr) return InvalidField(field + "_json", "contradicts the other spelling; set one of them");
  return ObjectTextField(*text, field + "_json");
}

}  // namespace foregate
