#include "engine/formats/config_reader.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "engine/formats/json_document.h"

namespace foregate {
namespace {

using nlohmann::json;

std::string Range(const std::string& minimum, const std::string& maximum) {
  return " in [" + minimum + ", " + maximum + "]";
}

// Integral values that the file spells as integers; 1.0 is not one.
bool IsIntegerIn(const json& value, int64_t minimum, int64_t maximum) {
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    return number <= static_cast<uint64_t>(INT64_MAX) && static_cast<int64_t>(number) >= minimum &&
           static_cast<int64_t>(number) <= maximum;
  }
  return value.is_number_integer() && value.get<int64_t>() >= minimum && value.get<int64_t>() <= maximum;
}

}  // namespace

const json* ConfigReader::Find(const char* key) const {
  const auto found = config_.find(key);
  return found == config_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigReader::Has(const char* key) const { return Find(key) != nullptr; }

void ConfigReader::Fail(absl::StatusCode code, const std::string& key, const std::string& why, const json* value) {
  if (!status_.ok()) return;
  status_ = absl::Status(code, file_ + ": " + key + ": " + why + (value == nullptr ? "" : ": " + JsonExcerpt(*value)));
}

void ConfigReader::Refuse(const char* key, const std::string& why) {
  Fail(absl::StatusCode::kInvalidArgument, key, why, Find(key));
}

void ConfigReader::Unsupported(const char* key, const std::string& why) {
  Fail(absl::StatusCode::kUnimplemented, key, why, Find(key));
}

int32_t ConfigReader::Integer(std::initializer_list<const char*> keys, int64_t minimum, int64_t maximum,
                              std::optional<int32_t> absent) {
  const char* used = nullptr;
  int32_t result = absent.value_or(1);
  for (const char* key : keys) {
    const json* value = Find(key);
    if (value == nullptr) continue;
    if (!IsIntegerIn(*value, minimum, maximum)) {
      Refuse(key, "want an integer" + Range(std::to_string(minimum), std::to_string(maximum)));
      return result;
    }
    const int32_t number = value->get<int32_t>();
    if (used != nullptr && number != result) Refuse(key, std::string("disagrees with ") + used);
    used = key;
    result = number;
  }
  if (used == nullptr && !absent) Fail(absl::StatusCode::kInvalidArgument, *keys.begin(), "missing", nullptr);
  return result;
}

double ConfigReader::Number(const char* key, double minimum, double maximum, std::optional<double> absent) {
  const json* value = Find(key);
  if (value == nullptr) {
    if (!absent) Fail(absl::StatusCode::kInvalidArgument, key, "missing", nullptr);
    return absent.value_or(minimum);
  }
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  if (!(number >= minimum && number <= maximum)) {
    Refuse(key, "want a number" + Range(json(minimum).dump(), json(maximum).dump()));
    return minimum;
  }
  return number;
}

bool ConfigReader::Flag(const char* key, bool absent) {
  const json* value = Find(key);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) {
    Refuse(key, "want true or false");
    return absent;
  }
  return value->get<bool>();
}

std::vector<int32_t> ConfigReader::Integers(const char* key, int64_t minimum, int64_t maximum) {
  std::vector<int32_t> result;
  const json* value = Find(key);
  if (value == nullptr) return result;
  if (!value->is_array()) {
    Refuse(key, "want a list of integers");
    return result;
  }
  for (const json& element : *value) {
    if (!IsIntegerIn(element, minimum, maximum)) {
      Refuse(key, "want integers" + Range(std::to_string(minimum), std::to_string(maximum)));
      return {};
    }
    result.push_back(element.get<int32_t>());
  }
  return result;
}

std::vector<std::string> ConfigReader::Strings(const char* key) {
  std::vector<std::string> result;
  const json* value = Find(key);
  if (value == nullptr) return result;
  bool is_list = value->is_array();
  if (is_list) {
    for (const json& element : *value) {
      is_list = is_list && element.is_string();
      if (is_list) result.push_back(element.get<std::string>());
    }
  }
  if (!is_list) {
    Refuse(key, "want a list of strings");
    return {};
  }
  return result;
}

std::string ConfigReader::String(const char* key) {
  const json* value = Find(key);
  if (value == nullptr) {
    Fail(absl::StatusCode::kInvalidArgument, key, "missing", nullptr);
    return "";
  }
  if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
    Refuse(key, "want a string that is not empty");
    return "";
  }
  return value->get<std::string>();
}

void ConfigReader::Object(const char* key, std::initializer_list<const char*> known,
                          const std::function<void(ConfigReader& object)>& read) {
  const json* value = Find(key);
  if (value == nullptr) return;
  if (!value->is_object()) {
    Refuse(key, "want an object");
    return;
  }
  ConfigReader object(*value, file_ + ": " + key);
  for (const auto& [name, member] : value->items()) {
    const auto is_name = [&](std::string_view other) { return other == name; };
    if (std::none_of(known.begin(), known.end(), is_name)) {
      std::string names;
      for (const char* other : known) names += (names.empty() ? "" : ", ") + std::string(other);
      object.Fail(absl::StatusCode::kInvalidArgument, name, "not known; known: " + names, &member);
    }
  }
  if (object.status_.ok()) read(object);
  if (status_.ok()) status_ = object.status_;
}

void ConfigReader::Members(const char* key,
                           const std::function<void(ConfigReader& object, const std::string& name)>& read) {
  const json* value = Find(key);
  if (value == nullptr) return Fail(absl::StatusCode::kInvalidArgument, key, "missing", nullptr);
  if (!value->is_object() || value->empty()) return Refuse(key, "want an object that is not empty");
  ConfigReader object(*value, file_ + ": " + key);
  for (const auto& [name, member] : value->items()) read(object, name);
  if (status_.ok()) status_ = object.status_;
}

void ConfigReader::RequireString(const char* key, const char* only) {
  const json* value = Find(key);
  if (value != nullptr && *value != only) Unsupported(key, std::string("only \"") + only + "\" is supported");
}

void ConfigReader::RequireAbsent(const char* key) {
  if (Has(key)) Unsupported(key, "not supported");
}

bool ConfigReader::CheckRopeObject(const char* key, const json& object, std::optional<double>& theta) {
  if (!object.is_object()) {
    Refuse(key, "want an object");
    return false;
  }
  for (const auto& [name, value] : object.items()) {
    const std::string path = std::string(key) + "." + name;
    if (name == "rope_type" || name == "type") {
      if (value != "default") {
        Fail(absl::StatusCode::kUnimplemented, path, "only \"default\" is supported", &value);
        return false;
      }
    } else if (name == "rope_theta") {
      const double number = value.is_number() ? value.get<double>() : 0;
      if (!(number >= 1 && number <= 1e12)) {
        Fail(absl::StatusCode::kInvalidArgument, path, "want a number in [1, 1e12]", &value);
        return false;
      }
      theta = number;
    } else if (name == "partial_rotary_factor" ? value != 1.0 : !value.is_null()) {
      Fail(absl::StatusCode::kUnimplemented, path, "not supported", &value);
      return false;
    }
  }
  return true;
}

double ConfigReader::RopeTheta(double absent) {
  std::optional<double> theta;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const json* object = Find(key);
    std::optional<double> own;
    if (object == nullptr) continue;
    if (!CheckRopeObject(key, *object, own)) return absent;
    if (own && theta && *own != *theta) Refuse(key, "rope_theta disagrees with rope_parameters");
    if (own) theta = own;
  }
  if (Has("rope_theta")) {
    const double own = Number("rope_theta", 1, 1e12);
    if (theta && *theta != own) Refuse("rope_theta", "disagrees with rope_parameters.rope_theta");
    theta = own;
  }
  if (Has("partial_rotary_factor") && Number("partial_rotary_factor", 0, 1) != 1)
    Unsupported("partial_rotary_factor", "only 1 is supported");
  return theta.value_or(absent);
}

}  // namespace foregate
