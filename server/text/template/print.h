// Values as text: str(), repr() and json.dumps() of Python.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_PRINT_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_PRINT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

std::string ToString(const Value& value);
std::string Repr(const Value& value);
std::string AsciiRepr(const Value& value);  // ascii(value)
// repr() of a dict to the end of `out`, where `depth` counts what is being printed around it.
void AppendReprDict(const Dict& dict, int depth, std::string* out);

// The arguments of transformers' tojson filter, with its defaults.
struct JsonFormat {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // of one level; breaks lines when set
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// INVALID_ARGUMENT for what json.dumps refuses: undefined values, objects, keys that are no scalars.
absl::StatusOr<std::string> ToJson(const Value& value, const JsonFormat& format);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_PRINT_H_
