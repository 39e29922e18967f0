#include <charconv>
#include <cmath>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/operators.h"
#include "server/text/template/percent_format.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

template <std::string (*kConvert)(std::string_view)>
Result Convert(Interpreter&, const Value& value, const Arguments&) {
  return Value::String(kConvert(ToString(value)));
}

Result ToStringFilter(Interpreter&, const Value& value, const Arguments&) {
  return value.is_string() ? value : Value::String(ToString(value));
}

// Words begin after white space, hyphens and opening brackets; not quite str.title.
Result Title(Interpreter&, const Value& value, const Arguments&) {
  const std::string text = ToString(value);
  std::string out;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (begin == end) return;
    const size_t first = Utf8Length(text[begin]);
    out += Upper(std::string_view(text).substr(begin, first)) +
           Lower(std::string_view(text).substr(begin + first, end - begin - first));
  };
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    const char32_t c = NextCodePoint(text, &i);
    if (c != '-' && c != '(' && c != '{' && c != '[' && c != '<' && !IsPySpace(c)) continue;
    end_word(at);
    out.append(text, at, i - at);
    begin = i;
  }
  end_word(text.size());
  return Value::String(std::move(out));
}

Result Trim(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("trim", arguments, {"chars"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string characters, bound.absent(0) ? "" : bound.GetString(0, ""));
  const std::string text = ToString(value);
  const auto set = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(characters);
  return Value::String(std::string(StripRight(StripLeft(text, set), set)));
}

Result Replace(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("replace", arguments, {"old", "new", "count"}, 2));
  const std::string text = ToString(value), from = ToString(bound.at(0)), to = ToString(bound.at(1));
  int64_t count = -1;
  if (!bound.absent(2)) {
    FOREGATE_ASSIGN_OR_RETURN(count, bound.GetInt(2, -1));
  }
  const size_t most = from.empty() ? text.size() + 1 : text.size() / from.size() + 1;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size() + most * to.size()));
  return Value::String(ReplaceAll(text, from, to, count));
}

absl::StatusOr<std::string> IndentText(const Value& width) {
  if (width.is_string()) return width.string();
  if (!width.is_int() && !width.is_bool()) return TypeError("indent must be an integer or a string");
  if (width.int_value() > 1000) return absl::InvalidArgumentError("indent above 1000");
  return std::string(static_cast<size_t>(std::max<int64_t>(width.int_value(), 0)), ' ');
}

Result Indent(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("indent", arguments, {"width", "first", "blank"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string indent, IndentText(bound.Get(0, Value::Int(4))));
  const bool blank = bound.GetBool(2, false);
  const std::string text = ToString(value) + "\n";  // as jinja2 does, so that the last line counts
  std::vector<std::string> lines = SplitLines(text, false);
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size() + lines.size() * indent.size()));
  std::string out = bound.GetBool(1, false) ? indent : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i > 0 && (blank || !lines[i].empty())) out += indent;
    out += lines[i];
  }
  return Value::String(std::move(out));
}

Result Default(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("default", arguments, {"default_value", "boolean"}));
  const bool replaced = value.is_undefined() || (bound.GetBool(1, false) && !IsTrue(value));
  return replaced ? bound.Get(0, Value::String("")) : value;
}

Result ToJsonFilter(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonFormat format;
  format.ensure_ascii = bound.GetBool(0, false);
  format.sort_keys = bound.GetBool(3, false);
  if (!bound.absent(1)) {
    FOREGATE_ASSIGN_OR_RETURN(format.indent, IndentText(bound.at(1)));
    format.item_separator = ",";
  }
  if (!bound.absent(2)) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> separators, Iterate(bound.at(2)));
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      return TypeError("separators must be two strings");
    }
    format.item_separator = separators[0].string();
    format.key_separator = separators[1].string();
  }
  FOREGATE_ASSIGN_OR_RETURN(std::string text, ToJson(value, format));
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size()));
  return Value::String(std::move(text));
}

std::optional<double> ParseFloat(std::string_view text) {
  std::string digits(StripRight(StripLeft(text)));
  std::erase(digits, '_');
  const size_t sign = digits.starts_with('+') ? 1 : 0;
  double number = 0;
  const char* const end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data() + sign, end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

// int(): of a number, of digits in a base, of a text that reads as a float; otherwise the default.
Result Int(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("int", arguments, {"default", "base"}));
  const Value fallback = bound.Get(0, Value::Int(0));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t base, bound.GetInt(1, 10));
  if (base < 2 || base > 36) return absl::InvalidArgumentError("int(): base must be from 2 to 36");
  double number = 0;
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_string()) {
    std::string digits(StripRight(StripLeft(value.string())));
    std::erase(digits, '_');
    std::string_view rest = digits;
    if (rest.starts_with('+')) rest.remove_prefix(1);
    if (base == 16 && (rest.starts_with("0x") || rest.starts_with("0X"))) rest.remove_prefix(2);
    int64_t integer = 0;
    const char* const end = rest.data() + rest.size();
    const auto result = std::from_chars(rest.data(), end, integer, static_cast<int>(base));
    if (result.ec == std::errc() && result.ptr == end) return Value::Int(integer);
    const auto parsed = ParseFloat(value.string());
    if (!parsed.has_value()) return fallback;
    number = *parsed;
  } else if (value.is_float()) {
    number = value.float_value();
  } else {
    return value.is_number() ? Value::Int(value.int_value()) : fallback;
  }
  if (!(std::fabs(number) < 9.2e18)) return fallback;
  return Value::Int(static_cast<int64_t>(number));
}

Result Float(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("float", arguments, {"default"}));
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_number()) return Value::Float(value.float_value());
  const auto parsed = value.is_string() ? ParseFloat(value.string()) : std::nullopt;
  return parsed.has_value() ? Value::Float(*parsed) : bound.Get(0, Value::Float(0));
}

Result Abs(Interpreter&, const Value& value, const Arguments&) {
  FOREGATE_ASSIGN_OR_RETURN(const bool negative, Less(value, Value::Int(0)));
  if (negative) return Negate(value);
  return value.is_bool() ? Value::Int(value.int_value()) : value;
}

Result Round(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("round", arguments, {"precision", "method"}));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t precision, bound.GetInt(0, 0));
  FOREGATE_ASSIGN_OR_RETURN(const std::string method, bound.GetString(1, "common"));
  if (!value.is_number()) return TypeError("round() needs a number, not " + TypeName(value));
  if (precision < -300 || precision > 300) return absl::InvalidArgumentError("round(): precision out of range");
  if (method != "common" && method != "ceil" && method != "floor") {
    return absl::InvalidArgumentError("method must be common, ceil or floor");
  }
  if (method == "common") {
    if (!value.is_float() && precision >= 0) return Value::Int(value.int_value());
    if (precision < 0) {
      const double scale = std::pow(10.0, static_cast<double>(-precision));
      return Value::Float(std::nearbyint(value.float_value() / scale) * scale);
    }
    // Correct rounding of the decimal expansion, as Python's round() does.
    FOREGATE_ASSIGN_OR_RETURN(const Value text, PercentFormat("%." + std::to_string(precision) + "f", value));
    return Value::Float(ParseFloat(text.string()).value_or(value.float_value()));
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.float_value() * scale;
  return Value::Float((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result Escape(Interpreter&, const Value& value, const Arguments&) {
  const std::string text = ToString(value);
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out.push_back(c);
    }
  }
  return Value::String(std::move(out));
}

Result Format(Interpreter&, const Value& value, const Arguments& arguments) {
  if (!arguments.named.empty()) {
    Dict dict;
    for (const auto& [name, argument] : arguments.named) dict.Set(Value::String(name), argument);
    FOREGATE_ASSIGN_OR_RETURN(const Value mapping, MakeDict(std::move(dict)));
    return PercentFormat(ToString(value), mapping);
  }
  FOREGATE_ASSIGN_OR_RETURN(const Value values, MakeList(arguments.positional, List::Kind::kTuple));
  return PercentFormat(ToString(value), values);
}

Result WordCount(Interpreter&, const Value& value, const Arguments&) {
  const std::string text = ToString(value);
  int64_t count = 0;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    NextCodePoint(text, &i);
    const bool is_word =
        text[begin] == '_' || AllOf(std::string_view(text).substr(begin, i - begin), CharacterClass::kAlnum);
    count += is_word && !in_word;
    in_word = is_word;
  }
  return Value::Int(count);
}

Result Center(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("center", arguments, {"width"}));
  FOREGATE_ASSIGN_OR_RETURN(const Value method, GetAttribute(Value::String(ToString(value)), "center"));
  return method.object()->Call(interpreter, {{bound.Get(0, Value::Int(80))}, {}});
}

}  // namespace

const FilterTable& ScalarFilters() {
  static const auto* const table = new FilterTable{
      {"upper", &Convert<Upper>},
      {"lower", &Convert<Lower>},
      {"capitalize", &Convert<Capitalize>},
      {"title", &Title},
      {"trim", &Trim},
      {"string", &ToStringFilter},
      {"safe", &ToStringFilter},
      {"replace", &Replace},
      {"indent", &Indent},
      {"default", &Default},
      {"d", &Default},
      {"tojson", &ToJsonFilter},
      {"int", &Int},
      {"float", &Float},
      {"abs", &Abs},
      {"round", &Round},
      {"escape", &Escape},
      {"e", &Escape},
      {"format", &Format},
      {"wordcount", &WordCount},
      {"center", &Center},
  };
  return *table;
}

}  // namespace foregate::jinja
