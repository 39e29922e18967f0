#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/compare.h"
#include "server/text/template/filters.h"
#include "server/text/template/format_spec.h"
#include "server/text/template/operators.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

// Filters that make numbers.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// Digits of all scripts as ASCII, white space around dropped; nothing when an underscore does not stand between digits.
std::optional<std::string> PlainNumber(std::string_view text) {
  text = StripRight(StripLeft(text));
  std::string out;
  bool after_digit = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCodePoint(text, &i);
    if (c == '_') {
      const bool before_digit = i < text.size() && (IsWordCharacter(static_cast<uint8_t>(text[i])) && text[i] != '_');
      if (!after_digit || !before_digit) return std::nullopt;
      after_digit = false;
      continue;
    }
    const int digit = DecimalDigit(c);
    if (digit >= 0) {
      out.push_back(static_cast<char>('0' + digit));
    } else {
      AppendUtf8(c, &out);
    }
    after_digit = IsWordCharacter(c);
  }
  return out;
}

std::optional<double> ParseFloat(std::string_view text) {
  const auto plain = PlainNumber(text);
  if (!plain.has_value()) return std::nullopt;
  std::string digits = Lower(*plain);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  double number = 0;
  if (digits == "inf" || digits == "infinity") {
    number = HUGE_VAL;
  } else if (digits == "nan") {
    number = NAN;
  } else {
    if (digits.empty() || digits[0] == '-' || digits[0] == '+' ||
        digits.find_first_not_of("0123456789.e+-") != std::string::npos)
      return std::nullopt;
    const char* const end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, number);
    if (result.ptr != end || result.ec == std::errc::invalid_argument) return std::nullopt;
    if (result.ec == std::errc::result_out_of_range) number = std::strtod(digits.c_str(), nullptr);
  }
  return negative ? -number : number;
}

// int(text, base) of Python; nothing for a ValueError.
std::optional<Value> ParseInteger(std::string_view text, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  // A prefix may be followed by an underscore.
  std::string stripped(StripRight(StripLeft(text)));
  const size_t sign = stripped.starts_with('-') || stripped.starts_with('+') ? 1 : 0;
  const bool negative = stripped.starts_with('-');
  stripped.erase(0, sign);
  const char letter = stripped.size() > 1 && stripped[0] == '0' ? static_cast<char>(stripped[1] | 0x20) : '\0';
  const int64_t prefixed = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  const bool has_prefix = prefixed != 0 && (base == 0 || base == prefixed);
  if (has_prefix) stripped.erase(0, stripped.size() > 3 && stripped[2] == '_' ? 3 : 2);
  const auto digits = PlainNumber(stripped);
  if (!digits.has_value() || digits->size() != NumCodePoints(*digits)) return std::nullopt;
  if (base == 0 && !has_prefix && digits->size() > 1 && (*digits)[0] == '0' &&
      digits->find_first_not_of('0') != std::string::npos) {
    return std::nullopt;
  }
  const int64_t actual = has_prefix ? prefixed : base == 0 ? 10 : base;
  const auto integer = BigInt::Parse(*digits, static_cast<int>(actual));
  if (!integer.has_value() || integer->too_large()) return std::nullopt;
  return Value::Big(negative ? -*integer : *integer);
}

Result Truncated(double number) { return Value::Big(BigInt::FromDouble(number)); }

Result Int(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("int", arguments, {"default", "base"}));
  const Value fallback = bound.Get(0, Value::Int(0));
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) {
    if (std::isinf(value.float_value())) return TypeError("cannot convert float infinity to integer");
    return std::isnan(value.float_value()) ? fallback : Truncated(value.float_value());
  }
  if (value.is_bool()) return Value::Int(value.int_value());
  if (value.is_number()) return value;
  if (!value.is_string()) return fallback;
  const Value base = bound.Get(1, Value::Int(10));
  if (base.is_integer() && !base.is_big()) {
    if (auto integer = ParseInteger(value.string(), base.int_value()); integer.has_value()) return *std::move(integer);
  }
  const auto number = ParseFloat(value.string());
  return number.has_value() && std::isfinite(*number) ? Truncated(*number) : fallback;
}

Result Float(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("float", arguments, {"default"}));
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_number()) {
    const double number = value.float_value();
    if (value.is_big() && std::isinf(number)) return TypeError("int too large to convert to float");
    return Value::Float(number);
  }
  const auto parsed = value.is_string() ? ParseFloat(value.string()) : std::nullopt;
  return parsed.has_value() ? Value::Float(*parsed) : bound.Get(0, Value::Float(0));
}

Result Abs(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("abs", arguments, {}).status());
  if (value.is_undefined()) return UndefinedError(value);
  if (!value.is_number()) return TypeError("bad operand type for abs(): '" + std::string(TypeName(value)) + "'");
  if (value.is_float()) return Value::Float(std::fabs(value.float_value()));
  const BigInt integer = value.big_value();
  return Value::Big(integer.negative() ? -integer : integer);
}

// The multiple of 10^zeros that is nearest to whole + fraction, ties to even; `fraction` in [0, 1).
BigInt RoundToZeros(const BigInt& whole, double fraction, int64_t zeros) {
  const BigInt unit = *BigInt::Power(BigInt(10), static_cast<uint64_t>(std::min<int64_t>(zeros, 4000)));
  auto [quotient, rest] = BigInt::FloorDivide(whole, unit);
  const int to_half = BigInt::Compare(rest + rest, unit);
  const bool is_tie = to_half == 0 && fraction == 0;
  if (to_half > 0 || (to_half == 0 && !is_tie) || (is_tie && quotient.is_odd())) quotient = quotient + BigInt(1);
  return quotient * unit;
}

Result RoundCommon(const Value& value, int64_t precision) {
  if (!value.is_float()) {
    if (precision >= 0) return Value::Big(value.big_value());
    return Value::Big(RoundToZeros(value.big_value(), 0, -precision));
  }
  const double number = value.float_value();
  if (!std::isfinite(number) || precision > 330) return value;
  if (precision < -310) return Value::Float(std::copysign(0.0, number));
  if (precision < 0) {
    const double whole = std::floor(std::fabs(number));
    const double rounded = RoundToZeros(BigInt::FromDouble(whole), std::fabs(number) - whole, -precision).ToDouble();
    return Value::Float(std::copysign(rounded, number));
  }
  // Correct rounding of the decimal expansion, as Python's round() does.
  const std::string text = FormatDouble(number, 'f', static_cast<int>(precision), false);
  return Value::Float(std::strtod(text.c_str(), nullptr));
}

Result Round(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("round", arguments, {"precision", "method"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string method, bound.GetString(1, "common"));
  if (method != "common" && method != "ceil" && method != "floor") {
    return absl::InvalidArgumentError("method must be common, ceil or floor");
  }
  if (value.is_undefined()) return UndefinedError(value);
  if (!value.is_number()) return TypeError("round() needs a number, not " + std::string(TypeName(value)));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t precision, bound.GetInt(0, 0));
  if (method == "common") return RoundCommon(value, precision);
  FOREGATE_ASSIGN_OR_RETURN(const Value scale,
                            Calculate(BinaryOperator::kPower, Value::Int(10), Value::Int(precision)));
  FOREGATE_ASSIGN_OR_RETURN(Value scaled, Calculate(BinaryOperator::kMultiply, value, scale));
  if (scaled.is_float()) {
    const double number = scaled.float_value();
    if (!std::isfinite(number)) return TypeError("cannot convert float infinity or NaN to integer");
    scaled = Value::Big(BigInt::FromDouble(method == "ceil" ? std::ceil(number) : std::floor(number)));
  }
  return Calculate(BinaryOperator::kDivide, scaled, scale);
}

Result FileSizeFormat(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("filesizeformat", arguments, {"binary"}));
  const bool binary = bound.GetBool(0, false);
  FOREGATE_ASSIGN_OR_RETURN(const Value number, Float(interpreter, value, {{Value()}, {}}));
  if (number.is_none()) return TypeError("could not convert to float");
  const double bytes = number.float_value();
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return Value::String("1 Byte");
  if (bytes < base) {
    FOREGATE_ASSIGN_OR_RETURN(const Value whole, Int(interpreter, number, {}));
    return Value::String(whole.big_value().ToString() + " Bytes");
  }
  double unit = base;
  std::string prefix;
  for (const char letter : std::string_view(binary ? "KMGTPEZY" : "kMGTPEZY")) {
    unit *= base;
    prefix = std::string(1, letter) + (binary ? "iB" : "B");
    if (bytes < unit) break;
  }
  return Value::String(FormatDouble(base * bytes / unit, 'f', 1, false) + " " + prefix);
}

}  // namespace

const FilterTable& NumberFilters() {
  static const auto* const table = new FilterTable{
      {"int", &Int}, {"float", &Float}, {"abs", &Abs}, {"round", &Round}, {"filesizeformat", &FileSizeFormat}};
  return *table;
}

}  // namespace foregate::jinja
