#include <optional>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/arguments.h"
#include "server/text/template/filters.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/markup.h"
#include "server/text/template/methods.h"
#include "server/text/template/percent_format.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

// Filters that make text of text.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Value LikeInput(const Value& input, std::string text) {
  return input.is_markup() ? Value::Markup(std::move(text)) : Value::String(std::move(text));
}

template <std::string (*kConvert)(std::string_view)>
Result Convert(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("filter", arguments, {}).status());
  if (value.is_string()) return LikeInput(value, kConvert(value.string()));
  return Value::String(kConvert(ToString(value)));
}

Result ToStringFilter(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("string", arguments, {}).status());
  return value.is_string() ? value : Value::String(ToString(value));
}

// Words begin after white space, hyphens and opening brackets; not quite str.title.
Result Title(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("title", arguments, {}).status());
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
  const Value subject = value.is_string() ? value : Value::String(ToString(value));
  const auto set = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(characters);
  const std::string_view text = StripRight(StripLeft(subject.string(), set), set);
  return text.size() == subject.string().size() ? subject : LikeInput(value, std::string(text));
}

Result Replace(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("replace", arguments, {"old", "new", "count"}, 2));
  int64_t count = -1;
  if (!bound.absent(2)) {
    FOREGATE_ASSIGN_OR_RETURN(count, bound.GetInt(2, -1));
  }
  FOREGATE_ASSIGN_OR_RETURN(std::string text,
                            Replaced(ToString(value), ToString(bound.at(0)), ToString(bound.at(1)), count));
  return Value::String(std::move(text));
}

// What can be added to a line end: text. Undefined values cannot, whatever they print as.
Result Indent(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("indent", arguments, {"width", "first", "blank"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string indent, IndentText(bound.Get(0, Value::Int(4))));
  if (value.is_undefined()) return UndefinedError(value);
  if (!value.is_string()) return TypeError("indent needs a str, not " + std::string(TypeName(value)));
  const bool blank = bound.GetBool(2, false);
  const std::string text = value.string() + "\n";  // as jinja2 does, so that the last line counts
  const std::vector<std::string> lines = SplitLines(text, false);
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size() + lines.size() * indent.size()));
  std::string out = bound.GetBool(1, false) ? indent : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i > 0 && (blank || !lines[i].empty())) out += indent;
    out += lines[i];
  }
  return LikeInput(value, std::move(out));
}

Result Default(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("default", arguments, {"default_value", "boolean"}));
  const bool replaced = value.is_undefined() || (bound.GetBool(1, false) && !IsTrue(value));
  return replaced ? bound.Get(0, Value::String("")) : value;
}

Result ToJsonFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(Weight(value)));
  JsonFormat format;
  format.ensure_ascii = bound.GetBool(0, false);
  format.sort_keys = bound.GetBool(3, false);
  if (!bound.absent(1)) {
    FOREGATE_ASSIGN_OR_RETURN(format.indent, IndentText(bound.at(1)));
    format.item_separator = ",";
  }
  if (!bound.absent(2)) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> separators, Unpack(interpreter, bound.at(2), 2));
    if (!separators[0].is_string() || !separators[1].is_string()) return TypeError("separators must be two strings");
    format.item_separator = separators[0].string();
    format.key_separator = separators[1].string();
  }
  FOREGATE_ASSIGN_OR_RETURN(std::string text, ToJson(value, format));
  return Value::String(std::move(text));
}

Result Format(Interpreter&, const Value& value, const Arguments& arguments) {
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    return TypeError("can't handle positional and keyword arguments at the same time");
  }
  const Value format = value.is_string() ? value : Value::String(ToString(value));
  if (arguments.named.empty()) {
    FOREGATE_ASSIGN_OR_RETURN(const Value values, MakeTuple(arguments.positional));
    return PercentFormat(format, values);
  }
  Dict dict;
  for (const auto& [name, argument] : arguments.named) dict.Set(Value::String(name), argument);
  FOREGATE_ASSIGN_OR_RETURN(const Value mapping, MakeDict(std::move(dict)));
  return PercentFormat(format, mapping);
}

Result WordCount(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("wordcount", arguments, {}).status());
  const std::string text = ToString(value);
  int64_t count = 0;
  bool in_word = false;
  for (size_t i = 0; i < text.size();) {
    const bool is_word = IsWordCharacter(NextCodePoint(text, &i));
    count += is_word && !in_word;
    in_word = is_word;
  }
  return Value::Int(count);
}

Result Center(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("center", arguments, {"width"}));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t width, bound.GetInt(0, 80));
  FOREGATE_ASSIGN_OR_RETURN(std::string text, Justified(ToString(value), width, " ", Side::kBoth));
  return LikeInput(value, std::move(text));
}

Result Truncate(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, bound.GetInt(0, 255));
  FOREGATE_ASSIGN_OR_RETURN(const std::string end, bound.GetString(2, "..."));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t leeway, bound.absent(3) ? 5 : bound.GetInt(3, 5));
  const auto end_length = static_cast<int64_t>(NumCodePoints(end));
  if (length < end_length) return absl::InvalidArgumentError("expected length >= " + std::to_string(end_length));
  if (leeway < 0) return absl::InvalidArgumentError("expected leeway >= 0");
  FOREGATE_ASSIGN_OR_RETURN(const int64_t size, Length(value));
  if (size <= length || size - length <= leeway) return value;
  if (!value.is_string()) return TypeError("truncate needs a str, not " + std::string(TypeName(value)));
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(value.string().size()));
  std::string text = value.string().substr(0, ByteOffset(value.string(), static_cast<size_t>(length - end_length)));
  if (!bound.GetBool(1, false)) {
    const size_t last_blank = text.rfind(' ');
    if (last_blank != std::string::npos) text.resize(last_blank);
  }
  return LikeInput(value, text + (value.is_markup() ? EscapeHtml(end) : end));
}

Result Attr(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("attr", arguments, {"name"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string name, bound.GetString(0, ""));
  return GetOnlyAttribute(interpreter, value, name);
}

}  // namespace

absl::StatusOr<std::string> IndentText(const Value& width) {
  if (width.is_string()) return width.string();
  if (!width.is_integer() || width.is_big()) return TypeError("an indent must be an integer or a string");
  if (width.int_value() > 1000) return absl::InvalidArgumentError("an indent above 1000");
  return std::string(static_cast<size_t>(std::max<int64_t>(width.int_value(), 0)), ' ');
}

const FilterTable& TextFilters() {
  static const auto* const table = new FilterTable{
      {"upper", &Convert<Upper>},
      {"lower", &Convert<Lower>},
      {"capitalize", &Convert<Capitalize>},
      {"title", &Title},
      {"trim", &Trim},
      {"string", &ToStringFilter},
      {"replace", &Replace},
      {"indent", &Indent},
      {"default", &Default},
      {"d", &Default},
      {"tojson", &ToJsonFilter},
      {"format", &Format},
      {"wordcount", &WordCount},
      {"center", &Center},
      {"truncate", &Truncate},
      {"attr", &Attr},
  };
  return *table;
}

}  // namespace foregate::jinja
