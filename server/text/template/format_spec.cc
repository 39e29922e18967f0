#include "server/text/template/format_spec.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "kernels/base/status_macros.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Text = absl::StatusOr<std::string>;

// More digits than any double has, few enough to bound the work.
constexpr int kMaxPrecision = 2000;

struct Spec {
  std::string fill = " ";
  char align = '\0';
  char sign = '-';
  bool signed_explicitly = false;
  bool alternate = false;
  bool no_negative_zero = false;
  int64_t width = 0;
  char grouping = '\0';
  int64_t precision = -1;
  char type = '\0';
};

bool IsAlign(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

class SpecReader {
 public:
  explicit SpecReader(std::string_view text) : text_(text) {}

  absl::StatusOr<Spec> Run() {
    Spec spec;
    ReadAlign(&spec);
    if (Peek() == '+' || Peek() == '-' || Peek() == ' ') {
      spec.sign = Take();
      spec.signed_explicitly = true;
    }
    spec.no_negative_zero = Skip('z');
    spec.alternate = Skip('#');
    if (Peek() == '0' && spec.align == '\0') {
      spec.fill = "0";
      spec.align = '0';  // what it means depends on the type
    }
    FOREGATE_ASSIGN_OR_RETURN(spec.width, ReadNumber(0));
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(spec.width)));
    if (Peek() == ',' || Peek() == '_') spec.grouping = Take();
    if (Skip('.')) {
      FOREGATE_ASSIGN_OR_RETURN(spec.precision, ReadNumber(-1));
      if (spec.precision < 0) return absl::InvalidArgumentError("Format specifier missing precision");
      if (spec.precision > kMaxPrecision) return absl::InvalidArgumentError("precision too big");
    }
    if (!text_.empty()) spec.type = Take();
    if (!text_.empty()) return absl::InvalidArgumentError("Invalid format specifier");
    return spec;
  }

 private:
  char Peek() const { return text_.empty() ? '\0' : text_[0]; }
  char Take() {
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  bool Skip(char c) { return Peek() == c && (Take(), true); }

  void ReadAlign(Spec* spec) {
    if (text_.empty()) return;
    const size_t first = Utf8Length(text_[0]);
    if (first < text_.size() && IsAlign(text_[first])) {
      spec->fill = std::string(text_.substr(0, first));
      spec->align = text_[first];
      text_.remove_prefix(first + 1);
    } else if (IsAlign(text_[0])) {
      spec->align = Take();
    }
  }

  absl::StatusOr<int64_t> ReadNumber(int64_t absent) {
    if (Peek() < '0' || Peek() > '9') return absent;
    int64_t number = 0;
    while (Peek() >= '0' && Peek() <= '9') {
      number = number * 10 + (Take() - '0');
      if (number > int64_t{1} << 31) return absl::InvalidArgumentError("Too many decimal digits in format string");
    }
    return number;
  }

  std::string_view text_;
};

std::string Times(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// `head` (sign and prefix) stays in front of '=' padding.
std::string Pad(const std::string& head, const std::string& body, const Spec& spec, char default_align) {
  const size_t length = NumCodePoints(head) + NumCodePoints(body);
  const auto width = static_cast<size_t>(spec.width);
  if (length >= width) return head + body;
  const size_t missing = width - length;
  switch (spec.align == '\0' ? default_align : spec.align) {
    case '<':
      return head + body + Times(spec.fill, missing);
    case '^':
      return Times(spec.fill, missing / 2) + head + body + Times(spec.fill, missing - missing / 2);
    case '=':
      return head + Times(spec.fill, missing) + body;
    default:
      return Times(spec.fill, missing) + head + body;
  }
}

std::string Group(const std::string& digits, char separator, size_t size) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out;
}

// Sign, prefix, digits in groups, and what follows them (fraction, exponent, percent).
std::string AssembleNumber(bool negative, const std::string& prefix, std::string digits, const std::string& tail,
                           Spec spec, size_t group_size) {
  std::string head = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  head += prefix;
  if (spec.align == '0') spec.align = '=';
  if (spec.grouping != '\0') {
    std::string grouped = Group(digits, spec.grouping, group_size);
    if (spec.fill == "0" && spec.align == '=') {  // the zeros stand in groups too
      const size_t wanted = static_cast<size_t>(spec.width);
      const size_t rest = head.size() + tail.size();
      if (wanted > rest + grouped.size()) {
        digits.insert(0, wanted - rest - grouped.size(), '0');
        while (digits.size() > 1 && rest + Group(digits.substr(1), spec.grouping, group_size).size() >= wanted) {
          digits.erase(0, 1);
        }
        grouped = Group(digits, spec.grouping, group_size);
      }
    }
    digits = std::move(grouped);
  }
  return Pad(head, digits + tail, spec, '>');
}

absl::Status UnknownType(const Spec& spec, const Value& value) {
  return absl::InvalidArgumentError(std::string("Unknown format code '") + spec.type + "' for object of type '" +
                                    TypeName(value) + "'");
}

Text FormatString(const Value& value, Spec spec) {
  if (spec.type != '\0' && spec.type != 's') return UnknownType(spec, value);
  if (spec.signed_explicitly) return absl::InvalidArgumentError("Sign not allowed in string format specifier");
  if (spec.alternate) return absl::InvalidArgumentError("Alternate form (#) not allowed in string format specifier");
  if (spec.align == '=') return absl::InvalidArgumentError("'=' alignment not allowed in string format specifier");
  if (spec.grouping != '\0') return absl::InvalidArgumentError("Cannot specify ',' with 's'.");
  if (spec.no_negative_zero) return absl::InvalidArgumentError("Negative zero coercion (z) not allowed");
  if (spec.align == '0') spec.align = '<';
  std::string text = value.string();
  if (spec.precision >= 0) text.resize(ByteOffset(text, static_cast<size_t>(spec.precision)));
  return Pad("", text, spec, '<');
}

Text FormatFloat(double value, const Spec& spec) {
  std::string text;
  const int precision = static_cast<int>(spec.precision);
  const bool percent = spec.type == '%';
  if (percent) value *= 100;
  if (spec.type == '\0' && precision < 0) {
    text = ReprFloat(std::fabs(value));
  } else if (spec.type == '\0') {
    // As 'g', with a digit behind the point, and an exponent one digit earlier.
    const int digits = precision == 0 ? 1 : precision;
    const std::string scientific = FormatDouble(std::fabs(value), 'e', digits - 1, false);
    const size_t e = scientific.find('e');
    const int exponent = e == std::string::npos ? 0 : std::atoi(scientific.c_str() + e + 1);
    if (exponent < -4 || exponent >= digits - 1) {
      text = FormatDouble(std::fabs(value), 'g', digits, false);
      if (exponent >= digits - 1 && exponent < digits && std::isfinite(value)) {
        // 'g' would still write it without an exponent.
        text = scientific;
        const size_t end = text.find('e');
        std::string mantissa = text.substr(0, end);
        while (mantissa.find('.') != std::string::npos && (mantissa.back() == '0' || mantissa.back() == '.')) {
          const bool point = mantissa.back() == '.';
          mantissa.pop_back();
          if (point) break;
        }
        text = mantissa + text.substr(end);
      }
    } else {
      text = FormatDouble(std::fabs(value), 'g', digits, false);
      if (text.find('.') == std::string::npos && std::isfinite(value)) text += ".0";
    }
  } else {
    const char conversion = percent ? 'f' : spec.type == 'n' ? 'g' : spec.type;
    text = FormatDouble(std::fabs(value), conversion, precision < 0 ? 6 : precision, spec.alternate);
  }
  if (percent) text += '%';
  bool negative = std::signbit(value) && !std::isnan(value);
  if (spec.no_negative_zero && text.find_first_of("123456789i") == std::string::npos) negative = false;
  size_t digits_end = 0;
  while (digits_end < text.size() && text[digits_end] >= '0' && text[digits_end] <= '9') ++digits_end;
  if (digits_end == 0)
    return AssembleNumber(
        negative, "", text, "",
        [&] {  // inf, nan
          Spec plain = spec;
          plain.grouping = '\0';
          return plain;
        }(),
        3);
  return AssembleNumber(negative, "", text.substr(0, digits_end), text.substr(digits_end), spec, 3);
}

Text FormatCharacter(const BigInt& value, Spec spec) {
  if (spec.signed_explicitly) return absl::InvalidArgumentError("Sign not allowed with integer format specifier 'c'");
  if (spec.alternate) return absl::InvalidArgumentError("Alternate form (#) not allowed with 'c'");
  const auto code = value.ToInt64();
  if (!code.has_value() || *code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
    return absl::InvalidArgumentError("%c arg not in range(0x110000)");
  }
  std::string text;
  AppendUtf8(static_cast<char32_t>(*code), &text);
  if (spec.align == '0') spec.align = '=';
  return Pad("", text, spec, '>');
}

Text FormatInteger(const Value& value, const Spec& spec) {
  if (spec.type != '\0' && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos) {
    return FormatFloat(value.float_value(), spec);
  }
  if (spec.precision >= 0) return absl::InvalidArgumentError("Precision not allowed in integer format specifier");
  if (spec.no_negative_zero) return absl::InvalidArgumentError("Negative zero coercion (z) not allowed");
  const BigInt integer = value.big_value();
  int base = 10;
  const char* prefix = "";
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n':
      break;
    case 'b':
      base = 2;
      prefix = "0b";
      break;
    case 'o':
      base = 8;
      prefix = "0o";
      break;
    case 'x':
    case 'X':
      base = 16;
      prefix = spec.type == 'x' ? "0x" : "0X";
      break;
    case 'c':
      if (spec.grouping != '\0') return absl::InvalidArgumentError("Cannot specify ',' with 'c'.");
      return FormatCharacter(integer, spec);
    default:
      return UnknownType(spec, value);
  }
  if ((spec.grouping == ',' && base != 10) || (spec.grouping != '\0' && spec.type == 'n')) {
    return absl::InvalidArgumentError(std::string("Cannot specify ',' with '") + spec.type + "'.");
  }
  std::string digits = (integer.negative() ? -integer : integer).ToString(base);
  if (spec.type == 'X') digits = Upper(digits);
  return AssembleNumber(integer.negative(), spec.alternate ? prefix : "", digits, "", spec, base == 10 ? 3 : 4);
}

}  // namespace

std::string FormatDouble(double value, char conversion, int precision, bool alternate) {
  const std::string pattern = std::string("%") + (alternate ? "#" : "") + ".*" + conversion;
  // The largest double has 309 digits before the point.
  char buffer[kMaxPrecision + 400];
  const int size = std::snprintf(buffer, sizeof(buffer), pattern.c_str(), std::min(precision, kMaxPrecision), value);
  std::string text(buffer, static_cast<size_t>(std::max(size, 0)));
  return std::isnan(value) && text[0] == '-' ? text.substr(1) : text;
}

Text FormatValue(const Value& value, std::string_view text) {
  if (text.empty()) return ToString(value);
  if (!value.is_string() && !value.is_number()) {
    return TypeError("unsupported format string passed to " + std::string(TypeName(value)) + ".__format__");
  }
  FOREGATE_ASSIGN_OR_RETURN(const Spec spec, SpecReader(text).Run());
  if (value.is_string()) return FormatString(value, spec);
  if (!value.is_float()) return FormatInteger(value, spec);
  if (spec.type != '\0' && std::string_view("eEfFgGn%").find(spec.type) == std::string_view::npos) {
    return UnknownType(spec, value);
  }
  if (spec.grouping != '\0' && spec.type == 'n') return absl::InvalidArgumentError("Cannot specify ',' with 'n'.");
  return FormatFloat(value.float_value(), spec);
}

}  // namespace foregate::jinja
