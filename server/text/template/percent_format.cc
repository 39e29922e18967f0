#include "server/text/template/percent_format.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/format_spec.h"
#include "server/text/template/limits.h"
#include "server/text/template/markup.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Text = absl::StatusOr<std::string>;

// Wider than any use, small enough to bound the work.
constexpr int64_t kMaxWidth = 1'000'000;
constexpr int64_t kMaxPrecision = 1000;

struct Conversion {
  std::string flags;
  int64_t width = 0;
  int64_t precision = -1;
  char type = 's';

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
};

std::string Pad(std::string text, const Conversion& conversion) {
  const size_t length = NumCodePoints(text);
  const auto width = static_cast<size_t>(conversion.width);
  if (length >= width) return text;
  const std::string blanks(width - length, ' ');
  return conversion.has('-') ? text + blanks : blanks + text;
}

// Puts sign, prefix and digits together, with zeros between them when asked for.
std::string AssembleNumber(bool negative, const std::string& prefix, std::string digits, const Conversion& conversion) {
  const std::string sign = negative ? "-" : conversion.has('+') ? "+" : conversion.has(' ') ? " " : "";
  const size_t length = sign.size() + prefix.size() + digits.size();
  const auto width = static_cast<size_t>(conversion.width);
  if (conversion.has('0') && !conversion.has('-') && length < width) digits.insert(0, width - length, '0');
  return Pad(sign + prefix + digits, conversion);
}

absl::Status NeedsNumber(const Value& value, char type, const char* wanted) {
  if (value.is_undefined()) return UndefinedError(value);
  return TypeError(std::string("%") + type + " format: " + wanted + " is required, not " + TypeName(value));
}

Text ConvertInteger(const Value& value, const Conversion& conversion) {
  const char type = conversion.type;
  const bool decimal = type == 'd' || type == 'i' || type == 'u';
  if (!value.is_number()) return NeedsNumber(value, type, decimal ? "a real number" : "an integer");
  if (value.is_float() && !decimal) return NeedsNumber(value, type, "an integer");
  if (value.is_float() && !std::isfinite(value.float_value())) {
    return TypeError("cannot convert float infinity or NaN to integer");
  }
  const BigInt integer = value.is_float() ? BigInt::FromDouble(value.float_value()) : value.big_value();
  const int base = decimal ? 10 : type == 'o' ? 8 : 16;
  std::string digits = (integer.negative() ? -integer : integer).ToString(base);
  if (conversion.precision > static_cast<int64_t>(digits.size())) {
    digits.insert(0, static_cast<size_t>(conversion.precision) - digits.size(), '0');
  }
  std::string prefix = conversion.has('#') && !decimal ? (type == 'o' ? "0o" : "0x") : "";
  if (type == 'X') {
    digits = Upper(digits);
    prefix = Upper(prefix);
  }
  return AssembleNumber(integer.negative(), prefix, digits, conversion);
}

Text ConvertCharacter(const Value& value, const Conversion& conversion) {
  if (value.is_string() && NumCodePoints(value.string()) == 1) return Pad(value.string(), conversion);
  if (!value.is_integer() || value.is_big()) return NeedsNumber(value, 'c', "int or char");
  const int64_t code = value.int_value();
  if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    return TypeError("%c arg not in range(0x110000)");
  }
  std::string text;
  AppendUtf8(static_cast<char32_t>(code), &text);
  return Pad(std::move(text), conversion);
}

Text Convert(const Value& value, const Conversion& conversion, bool escapes) {
  const char type = conversion.type;
  if (type == 's' || type == 'r' || type == 'a') {
    std::string text = type == 's' ? ToString(value) : type == 'r' ? Repr(value) : AsciiRepr(value);
    if (escapes && !value.is_markup()) text = EscapeHtml(text);
    if (conversion.precision >= 0) text.resize(ByteOffset(text, static_cast<size_t>(conversion.precision)));
    return Pad(std::move(text), conversion);
  }
  if (type == 'c') return ConvertCharacter(value, conversion);
  if (std::string_view("diuxXo").find(type) != std::string_view::npos) return ConvertInteger(value, conversion);
  if (!value.is_number()) return NeedsNumber(value, type, "a real number");
  const double number = value.float_value();
  const int precision = conversion.precision < 0 ? 6 : static_cast<int>(conversion.precision);
  const std::string digits = FormatDouble(std::fabs(number), type, precision, conversion.has('#'));
  return AssembleNumber(std::signbit(number) && !std::isnan(number), "", digits, conversion);
}

class Formatter {
 public:
  Formatter(const Value& format, const Value& values)
      : format_(format.string()), values_(values), escapes_(format.is_markup()) {
    if (values.is_tuple()) {
      positional_ = values.list().items;
    } else {
      positional_.push_back(values);
    }
  }

  Text Run() {
    std::string out;
    while (position_ < format_.size()) {
      if (format_[position_] != '%') {
        out.push_back(format_[position_++]);
        continue;
      }
      ++position_;
      FOREGATE_ASSIGN_OR_RETURN(const std::string text, OneConversion());
      out += text;
      FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
    }
    // What can be indexed counts as a mapping here, of which not everything need be used.
    const bool mapping = values_.is_dict() || values_.is_undefined() ||
                         (values_.is_list() && !values_.is_tuple() && values_.list().is_sequence());
    if (next_ < positional_.size() && !mapping) {
      return TypeError("not all arguments converted during string formatting");
    }
    return out;
  }

 private:
  char Peek() const { return position_ < format_.size() ? format_[position_] : '\0'; }

  absl::StatusOr<Value> NextArgument() {
    if (next_ >= positional_.size()) return TypeError("not enough arguments for format string");
    return positional_[next_++];
  }

  absl::StatusOr<int64_t> Number(int64_t limit, bool* negative) {
    int64_t number = 0;
    if (Peek() == '*') {
      ++position_;
      FOREGATE_ASSIGN_OR_RETURN(const Value value, NextArgument());
      if (!value.is_integer() || value.is_big()) return TypeError("* wants int");
      number = value.int_value();
      *negative = number < 0;
      number = number < 0 ? -number : number;
    }
    for (; Peek() >= '0' && Peek() <= '9' && number <= limit; ++position_) number = number * 10 + (Peek() - '0');
    if (number > limit) return absl::InvalidArgumentError("width or precision above " + std::to_string(limit));
    return number;
  }

  absl::StatusOr<std::optional<Value>> NamedArgument() {
    if (Peek() != '(') return std::optional<Value>();
    size_t end = position_ + 1;
    for (int depth = 1; end < format_.size(); ++end) {
      depth += format_[end] == '(' ? 1 : format_[end] == ')' ? -1 : 0;
      if (depth == 0) break;
    }
    if (values_.is_undefined()) return UndefinedError(values_);
    if (!values_.is_dict()) return TypeError("format requires a mapping");
    if (end >= format_.size()) return absl::InvalidArgumentError("incomplete format key");
    const Value* named = values_.dict().Find(std::string_view(format_).substr(position_ + 1, end - position_ - 1));
    if (named == nullptr) return absl::InvalidArgumentError("format names a missing key");
    position_ = end + 1;
    return std::optional(*named);
  }

  Text OneConversion() {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> named, NamedArgument());
    Conversion conversion;
    for (; Peek() != '\0' && std::string_view("-+ #0").find(Peek()) != std::string_view::npos; ++position_) {
      if (!conversion.has(Peek())) conversion.flags.push_back(Peek());
    }
    bool negative = false;
    FOREGATE_ASSIGN_OR_RETURN(conversion.width, Number(kMaxWidth, &negative));
    if (negative) conversion.flags.push_back('-');
    if (Peek() == '.') {
      ++position_;
      FOREGATE_ASSIGN_OR_RETURN(conversion.precision, Number(kMaxPrecision, &negative));
    }
    if (Peek() == 'h' || Peek() == 'l' || Peek() == 'L') ++position_;
    if (position_ >= format_.size()) return absl::InvalidArgumentError("incomplete format");
    conversion.type = format_[position_++];
    if (conversion.type == '%') return "%";
    if (std::string_view("srdiuxXofFeEgGca").find(conversion.type) == std::string_view::npos) {
      return absl::InvalidArgumentError("unsupported format character in a % format");
    }
    if (named.has_value()) return Convert(*named, conversion, escapes_);
    FOREGATE_ASSIGN_OR_RETURN(const Value value, NextArgument());
    return Convert(value, conversion, escapes_);
  }

  const std::string& format_;
  const Value& values_;
  const bool escapes_;
  std::vector<Value> positional_;
  size_t next_ = 0;
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<Value> PercentFormat(const Value& format, const Value& values) {
  FOREGATE_ASSIGN_OR_RETURN(std::string text, Formatter(format, values).Run());
  return format.is_markup() ? Value::Markup(std::move(text)) : Value::String(std::move(text));
}

}  // namespace foregate::jinja
