// The types of the offered tools' parameters, for formats that write values without JSON's quotes.
#ifndef FOREGATE_SERVER_TEXT_REPLY_TOOL_SCHEMA_H_
#define FOREGATE_SERVER_TEXT_REPLY_TOOL_SCHEMA_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace foregate {

// Copied from the tools, so that it outlives them. Immutable, thread-safe.
class ToolSchema {
 public:
  // `tools` may be null, and may be anything: what is not understood says nothing about types.
  explicit ToolSchema(const nlohmann::ordered_json* tools);

  // Appends the JSON of a value that the model wrote as bare text. A parameter that the schema calls a string is one,
  // whatever it looks like. Where another type is possible and the text is JSON of such a type, it is that JSON, byte
  // for byte; Python's True, False, None and literals count as JSON where the schema asks for such a type. Without a
  // type any JSON is JSON. All else is a string.
  void AppendValue(std::string_view tool, std::string_view parameter, std::string_view text, std::string* out) const;

 private:
  using TypeSet = uint8_t;  // bits by JsonKind
  static TypeSet TypesOf(const nlohmann::ordered_json& schema, int depth);
  TypeSet Types(std::string_view tool, std::string_view parameter) const;

  std::map<std::string, std::map<std::string, TypeSet, std::less<>>, std::less<>> tools_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_REPLY_TOOL_SCHEMA_H_
