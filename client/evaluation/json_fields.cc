#include "client/evaluation/json_fields.h"

#include <algorithm>

namespace foregate {
namespace {

// Of brackets outside strings. Text that is no JSON may give a depth that is not its own: it is refused anyway.
bool IsTooDeep(std::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<OrderedJson> ParseJsonObject(std::string_view text, const std::string& place, int max_depth) {
  if (IsTooDeep(text, max_depth)) {
    return absl::InvalidArgumentError(place + ": nested deeper than " + std::to_string(max_depth));
  }
  OrderedJson json = OrderedJson::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError(place + ": not JSON");
  if (!json.is_object()) return absl::InvalidArgumentError(place + ": not a JSON object");
  return json;
}

absl::Status FieldFault(const std::string& place, const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(place + ": " + field + " " + what);
}

absl::Status CheckKeys(const OrderedJson& object, const std::vector<std::string_view>& known,
                       const std::string& place) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return FieldFault(place, JsonText(OrderedJson(key)), "is not a field of this file");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StringField(const OrderedJson& object, const std::string& field, const std::string& place) {
  if (!object.contains(field)) return FieldFault(place, field, "is missing");
  const OrderedJson& value = object[field];
  if (!value.is_string()) return FieldFault(place, field, std::string("must be a string, is ") + value.type_name());
  return value.get<std::string>();
}

std::string JsonText(const OrderedJson& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace);
}

}  // namespace foregate
