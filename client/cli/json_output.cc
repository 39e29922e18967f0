#include "client/cli/json_output.h"

#include <cmath>

#include "client/number_text.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

Json ToJson(const Message& message);

Json FloatToJson(float value) { return std::isfinite(value) ? Json(ShortestDouble(value)) : Json(nullptr); }

Json BytesToJson(const std::string& bytes) {
  Json array = Json::array();
  for (const unsigned char byte : bytes) array.push_back(byte);
  return array;
}

// `index` is -1 for a field that is not repeated.
Json ValueToJson(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? reflection->GetInt32(message, field) : reflection->GetRepeatedInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? reflection->GetInt64(message, field) : reflection->GetRepeatedInt64(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? reflection->GetUInt32(message, field) : reflection->GetRepeatedUInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return one ? reflection->GetUInt64(message, field) : reflection->GetRepeatedUInt64(message, field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return one ? reflection->GetDouble(message, field) : reflection->GetRepeatedDouble(message, field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return FloatToJson(one ? reflection->GetFloat(message, field)
                             : reflection->GetRepeatedFloat(message, field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? reflection->GetBool(message, field) : reflection->GetRepeatedBool(message, field, index);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* value =
          one ? reflection->GetEnum(message, field) : reflection->GetRepeatedEnum(message, field, index);
      return value->name();
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text =
          one ? reflection->GetString(message, field) : reflection->GetRepeatedString(message, field, index);
      return field->type() == FieldDescriptor::TYPE_BYTES ? BytesToJson(text) : Json(text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(one ? reflection->GetMessage(message, field)
                        : reflection->GetRepeatedMessage(message, field, index));
  }
  return nullptr;
}

bool IsShown(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  if (field->is_repeated()) return reflection->FieldSize(message, field) > 0;
  if (field->has_presence()) return reflection->HasField(message, field);
  return field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM || reflection->GetEnum(message, field)->number() != 0;
}

Json ToJson(const Message& message) {
  Json object = Json::object();
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (!IsShown(message, field)) continue;
    if (!field->is_repeated()) {
      object[field->name()] = ValueToJson(message, field, -1);
      continue;
    }
    Json array = Json::array();
    const int size = message.GetReflection()->FieldSize(message, field);
    for (int k = 0; k < size; ++k) array.push_back(ValueToJson(message, field, k));
    object[field->name()] = std::move(array);
  }
  return object;
}

std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string JsonLine(const Message& message) { return Line(ToJson(message)); }

std::string JsonLine(const std::vector<std::pair<std::string, const Message*>>& members) {
  Json object = Json::object();
  for (const auto& [name, message] : members) object[name] = message == nullptr ? Json(nullptr) : ToJson(*message);
  return Line(object);
}

}  // namespace foregate
