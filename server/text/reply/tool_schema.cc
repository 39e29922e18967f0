#include "server/text/reply/tool_schema.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "server/text/reply/json_scanner.h"
#include "server/text/reply/python_calls.h"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxUnionDepth = 8;

constexpr uint8_t Bit(JsonKind kind) { return static_cast<uint8_t>(1u << static_cast<int>(kind)); }

uint8_t BitOfTypeName(std::string_view name) {
  constexpr std::pair<std::string_view, uint8_t> kNames[] = {
      {"object", Bit(JsonKind::kObject)},   {"array", Bit(JsonKind::kArray)},
      {"string", Bit(JsonKind::kString)},   {"integer", Bit(JsonKind::kInteger)},
      {"boolean", Bit(JsonKind::kBoolean)}, {"number", Bit(JsonKind::kInteger) | Bit(JsonKind::kNumber)},
      {"null", Bit(JsonKind::kNull)},
  };
  for (const auto& [known, bit] : kNames) {
    if (name == known) return bit;
  }
  return 0;
}

uint8_t BitOfValue(const Json& value) {
  if (value.is_object()) return Bit(JsonKind::kObject);
  if (value.is_array()) return Bit(JsonKind::kArray);
  if (value.is_string()) return Bit(JsonKind::kString);
  if (value.is_boolean()) return Bit(JsonKind::kBoolean);
  if (value.is_null()) return Bit(JsonKind::kNull);
  return value.is_number_integer() ? Bit(JsonKind::kInteger) : Bit(JsonKind::kNumber);
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// "True" and friends, and containers in Python's spelling.
std::optional<std::string> JsonOfPython(std::string_view text, uint8_t types) {
  if (types & Bit(JsonKind::kBoolean)) {
    if (text == "True" || text == "TRUE") return "true";
    if (text == "False" || text == "FALSE") return "false";
  }
  if (text == "None") return "null";
  if ((types & (Bit(JsonKind::kObject) | Bit(JsonKind::kArray))) == 0) return std::nullopt;
  return PythonLiteralToJson(text);
}

}  // namespace

ToolSchema::ToolSchema(const nlohmann::ordered_json* tools) {
  if (tools == nullptr || !tools->is_array()) return;
  for (const Json& tool : *tools) {
    const Json* inner = Member(tool, "function");
    const Json& function = inner != nullptr && inner->is_object() ? *inner : tool;
    const Json* name = Member(function, "name");
    const Json* parameters = Member(function, "parameters");
    const Json* properties = parameters == nullptr ? nullptr : Member(*parameters, "properties");
    if (name == nullptr || !name->is_string() || properties == nullptr || !properties->is_object()) continue;
    auto& types = tools_[name->get_ref<const std::string&>()];
    for (const auto& [key, schema] : properties->items()) types[key] = TypesOf(schema, 0);
  }
}

ToolSchema::TypeSet ToolSchema::TypesOf(const nlohmann::ordered_json& schema, int depth) {
  if (!schema.is_object() || depth > kMaxUnionDepth) return 0;
  TypeSet types = 0;
  if (const Json* type = Member(schema, "type"); type != nullptr) {
    if (type->is_string()) types |= BitOfTypeName(type->get_ref<const std::string&>());
    if (type->is_array()) {
      for (const Json& one : *type) {
        if (one.is_string()) types |= BitOfTypeName(one.get_ref<const std::string&>());
      }
    }
    return types;
  }
  for (const char* key : {"anyOf", "oneOf", "allOf"}) {
    const Json* options = Member(schema, key);
    if (options == nullptr || !options->is_array()) continue;
    for (const Json& option : *options) types |= TypesOf(option, depth + 1);
  }
  if (const Json* values = Member(schema, "enum"); types == 0 && values != nullptr && values->is_array()) {
    for (const Json& value : *values) types |= BitOfValue(value);
  }
  if (const Json* value = Member(schema, "const"); types == 0 && value != nullptr) types |= BitOfValue(*value);
  return types;
}

ToolSchema::TypeSet ToolSchema::Types(std::string_view tool, std::string_view parameter) const {
  const auto found = tools_.find(tool);
  if (found == tools_.end()) return 0;
  const auto types = found->second.find(parameter);
  return types == found->second.end() ? 0 : types->second;
}

void ToolSchema::AppendValue(std::string_view tool, std::string_view parameter, std::string_view text,
                             std::string* out) const {
  const TypeSet types = Types(tool, parameter);
  const std::string_view trimmed = TrimAsciiSpace(text);
  const TypeSet others = types & ~Bit(JsonKind::kString);
  const std::optional<JsonKind> kind = types == Bit(JsonKind::kString) ? std::nullopt : KindOfJson(trimmed);
  if (kind.has_value()) {
    // A schema without strings wants JSON, even of another type than it says: the tool's own check will name it.
    const bool takes_json = types == 0 || types == others || (others & Bit(*kind)) != 0;
    if (takes_json) {
      out->append(trimmed);
      return;
    }
  } else if (types != 0 && types == others) {
    if (const std::optional<std::string> json = JsonOfPython(trimmed, types); json.has_value()) {
      out->append(*json);
      return;
    }
  }
  AppendJsonString(text, out);
}

}  // namespace foregate
