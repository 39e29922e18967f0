#include <string>
#include <string_view>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/filters.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/markup.h"
#include "server/text/template/print.h"

// Filters for text that becomes HTML or an address.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Escape(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("escape", arguments, {}).status());
  return value.is_markup() ? value : Value::Markup(EscapedText(value));
}

Result ForceEscape(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("forceescape", arguments, {}).status());
  return Value::Markup(EscapeHtml(ToString(value)));
}

Result Safe(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("safe", arguments, {}).status());
  return value.is_markup() ? value : Value::Markup(ToString(value));
}

Result StripTagsFilter(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("striptags", arguments, {}).status());
  return Value::String(StripTags(ToString(value)));
}

// A space, '/', '>' or '=' in a name would let it become two.
bool IsAttributeName(std::string_view name) { return name.find_first_of(" \t\n\r\f\v/>=") == std::string_view::npos; }

Result XmlAttr(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("xmlattr", arguments, {"autospace"}));
  if (value.is_undefined()) return UndefinedError(value);
  if (!value.is_dict()) return TypeError("xmlattr needs a dict, not " + std::string(TypeName(value)));
  std::string out;
  for (const auto& [key, element] : value.dict().entries()) {
    if (element.is_none() || element.is_undefined()) continue;
    if (!key.is_string()) return TypeError("expected string or bytes-like object");
    if (!IsAttributeName(key.string())) return TypeError("Invalid character in attribute name: " + key.string());
    out += (out.empty() ? "" : " ") + EscapedText(key) + "=\"" + EscapedText(element) + "\"";
  }
  if (bound.GetBool(0, true) && !out.empty()) out.insert(0, " ");
  return Value::String(std::move(out));
}

// What is neither a letter, a digit nor one of `safe` becomes %XX; in a query, a blank becomes '+'.
std::string UrlQuote(std::string_view text, bool in_query) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  constexpr std::string_view kAlways = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (kAlways.find(c) != std::string_view::npos || (c == '/' && !in_query)) {
      out.push_back(c);
    } else if (c == ' ' && in_query) {
      out.push_back('+');
    } else {
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

Result UrlEncode(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("urlencode", arguments, {}).status());
  if (value.is_string() || !IsIterable(value)) return Value::String(UrlQuote(ToString(value), false));
  std::string out;
  const auto append = [&](const Value& key, const Value& element) {
    out += (out.empty() ? "" : "&") + UrlQuote(ToString(key), true) + "=" + UrlQuote(ToString(element), true);
  };
  if (value.is_dict()) {
    for (const auto& [key, element] : value.dict().entries()) append(key, element);
    return Value::String(std::move(out));
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, value));
  for (const Value& item : items) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> pair, Unpack(interpreter, item, 2));
    append(pair[0], pair[1]);
  }
  return Value::String(std::move(out));
}

}  // namespace

const FilterTable& HtmlFilters() {
  static const auto* const table = new FilterTable{
      {"escape", &Escape},
      {"e", &Escape},
      {"forceescape", &ForceEscape},
      {"safe", &Safe},
      {"striptags", &StripTagsFilter},
      {"xmlattr", &XmlAttr},
      {"urlencode", &UrlEncode},
  };
  return *table;
}

}  // namespace foregate::jinja
