#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/markup.h"
#include "server/text/template/methods.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/template/str_format.h"
#include "server/text/utf8.h"

// Methods of str that make new strings.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// Markup escapes what its methods are given, and makes Markup.
Value MarkAll(const Value& value) {
  if (value.is_string()) return Value::Markup(value.string());
  if (!value.is_list()) return value;
  auto marked = MakeRef<List>(value.list());
  for (Value& item : marked->items) item = MarkAll(item);
  return Value::Of(marked);
}

template <Method kMethod>
Result MarkedResult(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(Value result, kMethod(interpreter, self, arguments));
  return self.is_markup() ? MarkAll(result) : result;
}

template <Method kMethod>
Result Marked(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  if (!self.is_markup()) return kMethod(interpreter, self, arguments);
  Arguments escaped = arguments;
  for (Value& argument : escaped.positional) {
    if (argument.is_string()) argument = Value::Markup(EscapedText(argument));
  }
  FOREGATE_ASSIGN_OR_RETURN(const Value result, kMethod(interpreter, self, escaped));
  return MarkAll(result);
}

template <std::string (*kConvert)(std::string_view)>
Result Convert(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("str method", arguments, {}).status());
  return Value::String(kConvert(self.string()));
}

template <bool kLeft, bool kRight>
Result Strip(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("strip", arguments, {"chars"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string characters, bound.absent(0) ? "" : bound.GetString(0, ""));
  const auto set = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(characters);
  std::string_view text = self.string();
  if (kLeft) text = StripLeft(text, set);
  if (kRight) text = StripRight(text, set);
  if (text.size() == self.string().size()) return self;
  return Value::String(std::string(text));
}

template <bool kFromRight>
Result SplitMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("split", arguments, {"sep", "maxsplit"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string separator, bound.absent(0) ? "" : bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t max_splits, bound.GetInt(1, -1));
  if (!bound.absent(0) && separator.empty()) return absl::InvalidArgumentError("empty separator");
  const auto given = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(separator);
  auto parts = kFromRight ? SplitFromRight(self.string(), given, max_splits) : Split(self.string(), given, max_splits);
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(32 * parts.size()));
  return StringList(std::move(parts));
}

Result SplitLinesMethod(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("splitlines", arguments, {"keepends"}));
  return StringList(SplitLines(self.string(), bound.GetBool(0, false)));
}

template <bool kFromRight>
Result Partition(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("partition", arguments, {"sep"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string separator, bound.GetString(0, ""));
  if (separator.empty()) return absl::InvalidArgumentError("empty separator");
  const std::string& text = self.string();
  const size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  if (at == std::string::npos) {
    return MakeTuple({Value::String(kFromRight ? "" : text), Value::String(""), Value::String(kFromRight ? text : "")});
  }
  return MakeTuple(
      {Value::String(text.substr(0, at)), Value::String(separator), Value::String(text.substr(at + separator.size()))});
}

template <bool kPrefix>
Result RemoveAffix(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("removeprefix", arguments, {"affix"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string affix, bound.GetString(0, ""));
  const std::string& text = self.string();
  if (kPrefix && text.starts_with(affix)) return Value::String(text.substr(affix.size()));
  if (!kPrefix && text.ends_with(affix)) return Value::String(text.substr(0, text.size() - affix.size()));
  return self;
}

Result Replace(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("replace", arguments, {"old", "new", "count"}, 2));
  FOREGATE_ASSIGN_OR_RETURN(const std::string from, bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const std::string to, bound.GetString(1, ""));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t count, bound.GetInt(2, -1));
  FOREGATE_ASSIGN_OR_RETURN(std::string text, Replaced(self.string(), from, to, count));
  return Value::String(std::move(text));
}

Result Join(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("join", arguments, {"iterable"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, bound.at(0)));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string() && !self.is_markup()) {
      return TypeError("sequence item " + std::to_string(i) + ": expected str instance, " + TypeName(items[i]) +
                       " found");
    }
    if (i > 0) out += self.string();
    out += self.is_markup() ? EscapedText(items[i]) : items[i].string();
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
  }
  return self.is_markup() ? Value::Markup(std::move(out)) : Value::String(std::move(out));
}

template <Side kSide>
Result Justify(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("center", arguments, {"width", "fillchar"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t width, bound.GetInt(0, 0));
  FOREGATE_ASSIGN_OR_RETURN(const std::string fill, bound.GetString(1, " "));
  FOREGATE_ASSIGN_OR_RETURN(std::string text, Justified(self.string(), width, fill, kSide));
  return Value::String(std::move(text));
}

Result ZeroFill(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("zfill", arguments, {"width"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t width, bound.GetInt(0, 0));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(self));
  if (width <= length) return self;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(width)));
  std::string text = self.string();
  const bool is_signed = text.starts_with('-') || text.starts_with('+');
  return Value::String(text.insert(is_signed ? 1 : 0, static_cast<size_t>(width - length), '0'));
}

Result ExpandTabs(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("expandtabs", arguments, {"tabsize"}));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t size, bound.GetInt(0, 8));
  std::string out;
  int64_t column = 0;
  const std::string& text = self.string();
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text[i]);
    if (text[i] == '\t') {
      const int64_t blanks = size > 0 ? size - column % size : 0;
      FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size() + static_cast<size_t>(blanks)));
      out.append(static_cast<size_t>(blanks), ' ');
      column += blanks;
    } else {
      out.append(text, i, length);
      column = text[i] == '\n' || text[i] == '\r' ? 0 : column + 1;
    }
    i += length;
  }
  return Value::String(std::move(out));
}

// The table maps code points to code points, strings, or None, which drops them.
Result Translate(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("translate", arguments, {"table"}, 1));
  if (!bound.at(0).is_dict()) return TypeError("translate() needs a dict");
  const std::string& text = self.string();
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const auto code = static_cast<int64_t>(NextCodePoint(text, &i));
    const Value* replacement = bound.at(0).dict().Find(Value::Int(code));
    if (replacement == nullptr) {
      out.append(text, begin, i - begin);
    } else if (replacement->is_string()) {
      out += replacement->string();
    } else if (replacement->is_int() && replacement->int_value() >= 0 && replacement->int_value() < 0xD800) {
      AppendUtf8(static_cast<char32_t>(replacement->int_value()), &out);
    } else if (!replacement->is_none()) {
      return TypeError("character mapping must return integer, None or str");
    }
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
  }
  return Value::String(std::move(out));
}

Result FormatMap(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("format_map", arguments, {"mapping"}, 1));
  if (!bound.at(0).is_dict()) return TypeError("format_map() needs a mapping");
  Arguments named;
  for (const auto& [key, value] : bound.at(0).dict().entries()) {
    if (key.is_string()) named.named.emplace_back(key.string(), value);
  }
  return StrFormat(interpreter, self, named);
}

}  // namespace

Result StringList(std::vector<std::string> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (std::string& part : parts) items.push_back(Value::String(std::move(part)));
  return MakeList(std::move(items));
}

absl::StatusOr<std::string> Replaced(std::string_view text, std::string_view from, std::string_view to, int64_t count) {
  if (to.size() > from.size()) {
    size_t matches = from.empty() ? NumCodePoints(text) + 1 : 0;
    for (size_t at = from.empty() ? std::string_view::npos : text.find(from); at != std::string_view::npos;
         at = text.find(from, at + from.size())) {
      ++matches;
    }
    if (count >= 0) matches = std::min(matches, static_cast<size_t>(count));
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size() + matches * (to.size() - from.size())));
  }
  return ReplaceAll(text, from, to, count);
}

absl::StatusOr<std::string> Justified(std::string_view text, int64_t width, std::string_view fill, Side side) {
  if (NumCodePoints(fill) != 1) return TypeError("The fill character must be exactly one character long");
  const auto length = static_cast<int64_t>(NumCodePoints(text));
  if (width <= length) return std::string(text);
  const int64_t missing = width - length;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(missing)));
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(missing) * fill.size() + text.size()));
  // str.center puts the odd one to the left when the width is odd.
  const int64_t left = side == Side::kLeft ? 0 : side == Side::kRight ? missing : missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < left; ++i) out += fill;
  out += text;
  for (int64_t i = left; i < missing; ++i) out += fill;
  return out;
}

const MethodTable& StringMethods() {
  static const auto* const table = new MethodTable{
      {"upper", &Marked<&Convert<Upper>>},
      {"lower", &Marked<&Convert<Lower>>},
      {"casefold", &Marked<&Convert<CaseFold>>},
      {"capitalize", &Marked<&Convert<Capitalize>>},
      {"title", &Marked<&Convert<TitleCase>>},
      {"swapcase", &Marked<&Convert<SwapCase>>},
      {"strip", &Marked<&Strip<true, true>>},
      {"lstrip", &Marked<&Strip<true, false>>},
      {"rstrip", &Marked<&Strip<false, true>>},
      {"split", &MarkedResult<&SplitMethod<false>>},
      {"rsplit", &MarkedResult<&SplitMethod<true>>},
      {"splitlines", &Marked<&SplitLinesMethod>},
      {"partition", &Marked<&Partition<false>>},
      {"rpartition", &Marked<&Partition<true>>},
      {"removeprefix", &Marked<&RemoveAffix<true>>},
      {"removesuffix", &Marked<&RemoveAffix<false>>},
      {"replace", &Marked<&Replace>},
      {"join", &Join},
      {"format", &StrFormat},
      {"format_map", &FormatMap},
      {"ljust", &Marked<&Justify<Side::kLeft>>},
      {"rjust", &Marked<&Justify<Side::kRight>>},
      {"center", &Marked<&Justify<Side::kBoth>>},
      {"zfill", &Marked<&ZeroFill>},
      {"expandtabs", &Marked<&ExpandTabs>},
      {"translate", &Marked<&Translate>},
  };
  return *table;
}

}  // namespace foregate::jinja
