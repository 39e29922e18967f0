#include "server/text/template/str_format.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/format_spec.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/markup.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

namespace foregate::jinja {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() < 10 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct Field {
  std::string_view name, spec;
  char conversion = '\0';
};

class FieldFormatter {
 public:
  FieldFormatter(Interpreter& interpreter, const Arguments& arguments, bool escapes)
      : interpreter_(interpreter), arguments_(arguments), escapes_(escapes) {}

  absl::StatusOr<std::string> Run(std::string_view text, int nesting = 2) {
    if (nesting < 0) return absl::InvalidArgumentError("Max string recursion exceeded");
    std::string out;
    while (!text.empty()) {
      const size_t plain = std::min(text.find_first_of("{}"), text.size());
      out += text.substr(0, plain);
      text.remove_prefix(plain);
      if (text.empty()) break;
      if (text.size() > 1 && text[1] == text[0]) {
        out.push_back(text[0]);
        text.remove_prefix(2);
        continue;
      }
      if (text[0] == '}') return absl::InvalidArgumentError("Single '}' encountered in format string");
      text.remove_prefix(1);
      FOREGATE_ASSIGN_OR_RETURN(const Field field, ReadField(&text));
      FOREGATE_ASSIGN_OR_RETURN(const std::string formatted, Format(field, nesting));
      out += formatted;
      FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
      FOREGATE_RETURN_IF_ERROR(interpreter_.Charge(formatted.size()));
    }
    return out;
  }

 private:
  // What stands between the braces; `text` begins behind the first and ends up behind the last.
  static absl::StatusOr<Field> ReadField(std::string_view* text) {
    const absl::Status unclosed = absl::InvalidArgumentError("expected '}' before end of string");
    if (text->empty()) return absl::InvalidArgumentError("Single '{' encountered in format string");
    Field field;
    size_t i = 0;
    for (bool in_brackets = false; i < text->size(); ++i) {
      const char c = (*text)[i];
      if (c == '{') return absl::InvalidArgumentError("unexpected '{' in field name");
      if (c == '[') in_brackets = true;
      if (c == ']') in_brackets = false;
      if (!in_brackets && (c == ':' || c == '!' || c == '}')) break;
    }
    if (i == text->size()) return unclosed;
    field.name = text->substr(0, i);
    if ((*text)[i] == '!') {
      if (i + 2 >= text->size()) return unclosed;
      field.conversion = (*text)[i + 1];
      i += 2;
      if ((*text)[i] != ':' && (*text)[i] != '}') {
        return absl::InvalidArgumentError("expected ':' after conversion specifier");
      }
    }
    if ((*text)[i] == ':') {
      const size_t begin = ++i;
      for (int depth = 0; i < text->size() && ((*text)[i] != '}' || depth > 0); ++i) {
        depth += (*text)[i] == '{' ? 1 : (*text)[i] == '}' ? -1 : 0;
      }
      if (i == text->size()) return unclosed;
      field.spec = text->substr(begin, i - begin);
    }
    text->remove_prefix(i + 1);
    return field;
  }

  absl::StatusOr<std::string> Format(const Field& field, int nesting) {
    FOREGATE_ASSIGN_OR_RETURN(Value value, FindValue(field.name));
    if (field.conversion == 's') value = Value::String(ToString(value));
    if (field.conversion == 'r') value = Value::String(Repr(value));
    if (field.conversion == 'a') value = Value::String(AsciiRepr(value));
    if (field.conversion != '\0' && std::string_view("sra").find(field.conversion) == std::string_view::npos) {
      return absl::InvalidArgumentError("Unknown conversion specifier in a format string");
    }
    FOREGATE_ASSIGN_OR_RETURN(const std::string spec, Run(field.spec, nesting - 1));
    FOREGATE_ASSIGN_OR_RETURN(std::string text, FormatValue(value, spec));
    if (escapes_ && !value.is_markup()) return EscapeHtml(text);
    return text;
  }

  absl::StatusOr<Value> FindValue(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    std::string first(name.substr(0, first_end));
    if (name.empty()) {
      if (numbering_ == Numbering::kManual) return MixedNumbering();
      numbering_ = Numbering::kAutomatic;
      first = std::to_string(next_++);
    } else if (IsNumber(name)) {
      if (numbering_ == Numbering::kAutomatic) return MixedNumbering();
      numbering_ = Numbering::kManual;
    }
    FOREGATE_ASSIGN_OR_RETURN(Value value, FindArgument(first));
    for (std::string_view rest = name.substr(first_end); !rest.empty();) {
      const bool is_item = rest[0] == '[';
      if (!is_item && rest[0] != '.') {
        return absl::InvalidArgumentError("Only '.' or '[' may follow ']' in format field specifier");
      }
      rest.remove_prefix(1);
      const size_t end = is_item ? rest.find(']') : std::min(rest.find_first_of(".["), rest.size());
      if (end == std::string_view::npos) return absl::InvalidArgumentError("Missing ']' in format string");
      const std::string part(rest.substr(0, end));
      if (part.empty()) return absl::InvalidArgumentError("Empty attribute in format string");
      rest.remove_prefix(end + (is_item ? 1 : 0));
      if (is_item) {
        const Value index = IsNumber(part) ? Value::Int(std::stoll(part)) : Value::String(part);
        FOREGATE_ASSIGN_OR_RETURN(value, GetItem(interpreter_, value, index));
      } else {
        FOREGATE_ASSIGN_OR_RETURN(value, GetAttribute(interpreter_, value, part, FindMembers(part)));
      }
    }
    return value;
  }

  absl::StatusOr<Value> FindArgument(const std::string& key) const {
    if (IsNumber(key)) {
      const auto at = static_cast<size_t>(std::stoll(key));
      if (at < arguments_.positional.size()) return arguments_.positional[at];
      return absl::InvalidArgumentError("Replacement index " + key + " out of range for positional args tuple");
    }
    for (const auto& [name, value] : arguments_.named) {
      if (name == key) return value;
    }
    return absl::InvalidArgumentError("a format string asks for the missing argument '" + key + "'");
  }

  static absl::Status MixedNumbering() {
    return absl::InvalidArgumentError("cannot mix automatic field numbering and manual field specification");
  }

  enum class Numbering { kUnknown, kAutomatic, kManual };

  Interpreter& interpreter_;
  const Arguments& arguments_;
  const bool escapes_;
  Numbering numbering_ = Numbering::kUnknown;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<Value> StrFormat(Interpreter& interpreter, const Value& format, const Arguments& arguments) {
  FieldFormatter formatter(interpreter, arguments, format.is_markup());
  FOREGATE_ASSIGN_OR_RETURN(std::string text, formatter.Run(format.string()));
  return format.is_markup() ? Value::Markup(std::move(text)) : Value::String(std::move(text));
}

}  // namespace foregate::jinja
