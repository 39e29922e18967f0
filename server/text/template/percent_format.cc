#include "server/text/template/percent_format.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

namespace foregate::jinja {
namespace {

// Wider than any use, small enough to bound the work.
constexpr int kMaxWidth = 1000;

struct Conversion {
  std::string flags;
  int width = 0;
  int precision = -1;
  char type = 's';
};

std::string Pad(std::string text, const Conversion& conversion) {
  const size_t length = NumCodePoints(text);
  const auto width = static_cast<size_t>(conversion.width);
  if (length >= width) return text;
  const std::string blanks(width - length, ' ');
  return conversion.flags.find('-') != std::string::npos ? text + blanks : blanks + text;
}

absl::StatusOr<std::string> Convert(const Value& value, const Conversion& conversion) {
  const char type = conversion.type;
  if (type == 's' || type == 'r') {
    std::string text = type == 's' ? ToString(value) : Repr(value);
    if (conversion.precision >= 0) text.resize(ByteOffset(text, static_cast<size_t>(conversion.precision)));
    return Pad(std::move(text), conversion);
  }
  if (!value.is_number()) {
    return TypeError(std::string("%") + type + " format: a real number is required, not " + TypeName(value));
  }
  const bool integral = type == 'd' || type == 'i' || type == 'x' || type == 'X' || type == 'o';
  const std::string precision = conversion.precision < 0 ? "" : "." + std::to_string(conversion.precision);
  const std::string pattern =
      "%" + conversion.flags + std::to_string(conversion.width) + precision + (integral ? "ll" : "") + type;
  // A double of 308 digits, and the width and precision limits, fit.
  char buffer[2 * kMaxWidth + 400];
  int size = 0;
  if (integral) {
    if (value.is_float() && type != 'd' && type != 'i') return TypeError("an integer is required");
    const auto integer = value.is_float() ? static_cast<int64_t>(value.float_value()) : value.int_value();
    size = std::snprintf(buffer, sizeof(buffer), pattern.c_str(), static_cast<long long>(integer));  // NOLINT
  } else {
    size = std::snprintf(buffer, sizeof(buffer), pattern.c_str(), value.float_value());
  }
  return std::string(buffer, static_cast<size_t>(std::clamp(size, 0, static_cast<int>(sizeof(buffer)) - 1)));
}

class Formatter {
 public:
  Formatter(const std::string& format, const Value& values) : format_(format), values_(values) {
    if (values.is_list() && values.list().kind == List::Kind::kTuple) {
      positional_ = values.list().items;
    } else {
      positional_.push_back(values);
    }
  }

  absl::StatusOr<Value> Run() {
    std::string out;
    while (position_ < format_.size()) {
      if (format_[position_] != '%') {
        out.push_back(format_[position_++]);
        continue;
      }
      ++position_;
      FOREGATE_ASSIGN_OR_RETURN(const std::string text, OneConversion());
      out += text;
    }
    if (next_ < positional_.size() && !values_.is_dict()) {
      return TypeError("not all arguments converted during string formatting");
    }
    return Value::String(std::move(out));
  }

 private:
  char Peek() const { return position_ < format_.size() ? format_[position_] : '\0'; }

  absl::StatusOr<int> Number() {
    int number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++position_) {
      number = number * 10 + (Peek() - '0');
      if (number > kMaxWidth)
        return absl::InvalidArgumentError("width or precision above " + std::to_string(kMaxWidth));
    }
    return number;
  }

  absl::StatusOr<std::string> OneConversion() {
    const Value* named = nullptr;
    if (Peek() == '(') {
      const size_t end = format_.find(')', position_);
      if (end == std::string::npos || !values_.is_dict()) return TypeError("format requires a mapping");
      named = values_.dict().Find(std::string_view(format_).substr(position_ + 1, end - position_ - 1));
      if (named == nullptr) return absl::InvalidArgumentError("format names a missing key");
      position_ = end + 1;
    }
    Conversion conversion;
    for (; Peek() != '\0' && std::string_view("-+ #0").find(Peek()) != std::string_view::npos; ++position_) {
      if (conversion.flags.find(Peek()) == std::string::npos) conversion.flags.push_back(Peek());
    }
    FOREGATE_ASSIGN_OR_RETURN(conversion.width, Number());
    if (Peek() == '.') {
      ++position_;
      FOREGATE_ASSIGN_OR_RETURN(conversion.precision, Number());
    }
    conversion.type = Peek();
    ++position_;
    if (conversion.type == '%') return "%";
    if (conversion.type == '\0' || std::string_view("srdixXofFeEgG").find(conversion.type) == std::string_view::npos) {
      return absl::InvalidArgumentError("unsupported format character in a % format");
    }
    if (named != nullptr) return Convert(*named, conversion);
    if (next_ >= positional_.size()) return TypeError("not enough arguments for format string");
    return Convert(positional_[next_++], conversion);
  }

  const std::string& format_;
  const Value& values_;
  std::vector<Value> positional_;
  size_t next_ = 0;
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<Value> PercentFormat(const std::string& format, const Value& values) {
  return Formatter(format, values).Run();
}

}  // namespace foregate::jinja
