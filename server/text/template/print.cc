#include "server/text/template/print.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

// Namespaces can nest without end; lists and dicts cannot.
constexpr int kMaxPrintDepth = 300;

void AppendRepr(const Value& value, int depth, std::string* out);

void AppendItems(const std::vector<Value>& items, int depth, std::string* out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *out += ", ";
    AppendRepr(items[i], depth, out);
  }
}

void AppendRange(const List& list, std::string* out) {
  *out += "range(" + std::to_string(list.range_start) + ", " + std::to_string(list.range_stop);
  if (list.range_step != 1) *out += ", " + std::to_string(list.range_step);
  *out += ")";
}

void AppendList(const List& list, int depth, std::string* out) {
  switch (list.kind) {
    case List::Kind::kRange:
      AppendRange(list, out);
      return;
    case List::Kind::kTuple:
      *out += "(";
      AppendItems(list.items, depth, out);
      *out += list.items.size() == 1 ? ",)" : ")";
      return;
    case List::Kind::kDictKeys:
    case List::Kind::kDictValues:
    case List::Kind::kDictItems:
      *out += list.kind == List::Kind::kDictKeys     ? "dict_keys(["
              : list.kind == List::Kind::kDictValues ? "dict_values(["
                                                     : "dict_items([";
      AppendItems(list.items, depth, out);
      *out += "])";
      return;
    case List::Kind::kList:
      *out += "[";
      AppendItems(list.items, depth, out);
      *out += "]";
  }
}

void AppendRepr(const Value& value, int depth, std::string* out) {
  if (depth > kMaxPrintDepth || out->size() > Limits::kMaxOutputBytes) return;  // the output is refused later
  if (value.is_undefined()) *out += "Undefined";
  if (value.is_none()) *out += "None";
  if (value.is_bool()) *out += value.bool_value() ? "True" : "False";
  if (value.is_int()) *out += std::to_string(value.int_value());
  if (value.is_big()) *out += value.big_value().ToString();
  if (value.is_float()) *out += ReprFloat(value.float_value());
  if (value.is_markup()) *out += "Markup(" + ReprString(value.string()) + ")";
  if (value.is_string() && !value.is_markup()) *out += ReprString(value.string());
  if (value.is_list()) AppendList(value.list(), depth + 1, out);
  if (value.is_dict()) AppendReprDict(value.dict(), depth + 1, out);
  if (value.is_object()) value.object().AppendRepr(depth + 1, out);
}

void AppendUnicodeEscape(char32_t unit, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kDigits[unit >> shift & 15]);
}

class JsonWriter {
 public:
  JsonWriter(const JsonFormat& format, std::string* out) : format_(format), out_(out) {}

  absl::Status Write(const Value& value) {
    if (value.is_string()) {
      WriteString(value.string());
    } else if (value.is_list_or_tuple()) {
      return WriteList(value.list().items);
    } else if (value.is_dict()) {
      return WriteDict(value.dict());
    } else {
      FOREGATE_ASSIGN_OR_RETURN(const std::string text, Scalar(value));
      *out_ += text;
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<std::string> Scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is_bool()) return value.bool_value() ? "true" : "false";
    if (value.is_int()) return std::to_string(value.int_value());
    if (value.is_big()) return value.big_value().ToString();
    if (value.is_float()) {
      const double number = value.float_value();
      if (std::isnan(number)) return "NaN";
      if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
      return ReprFloat(number);
    }
    return TypeError("Object of type " + std::string(TypeName(value)) + " is not JSON serializable");
  }

  void WriteString(std::string_view text) {
    out_->push_back('"');
    for (size_t i = 0; i < text.size();) {
      size_t plain = i;
      while (plain < text.size() && IsPlain(text[plain])) ++plain;
      out_->append(text.substr(i, plain - i));
      i = plain;
      if (i == text.size()) break;
      const char32_t c = NextCodePoint(text, &i);
      if (c == '"' || c == '\\') {
        out_->push_back('\\');
        out_->push_back(static_cast<char>(c));
      } else if (c < 0x20) {
        WriteControl(c);
      } else if (c < 0x7F || !format_.ensure_ascii) {
        AppendUtf8(c, out_);
      } else if (c == 0x7F) {
        out_->push_back('\x7F');
      } else if (c < 0x10000) {
        AppendUnicodeEscape(c, out_);
      } else {
        AppendUnicodeEscape(0xD800 + ((c - 0x10000) >> 10), out_);
        AppendUnicodeEscape(0xDC00 + ((c - 0x10000) & 0x3FF), out_);
      }
    }
    out_->push_back('"');
  }

  // Most of every text needs no look at its characters.
  bool IsPlain(char c) const {
    const auto byte = static_cast<uint8_t>(c);
    return byte >= 0x20 && c != '"' && c != '\\' && (byte < 0x7F || (byte > 0x7F && !format_.ensure_ascii));
  }

  void WriteControl(char32_t c) {
    constexpr std::string_view kShort = "\b\t\n\f\r", kLetters = "btnfr";
    const size_t at = kShort.find(static_cast<char>(c));
    if (at == std::string_view::npos) return AppendUnicodeEscape(c, out_);
    out_->push_back('\\');
    out_->push_back(kLetters[at]);
  }

  void BreakLine() {
    if (!format_.indent.has_value()) return;
    out_->push_back('\n');
    for (int i = 0; i < level_; ++i) *out_ += *format_.indent;
  }

  void Separate(bool first) {
    if (!first) *out_ += format_.item_separator;
    BreakLine();
  }

  absl::Status WriteList(const std::vector<Value>& items) {
    *out_ += "[";
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      Separate(i == 0);
      FOREGATE_RETURN_IF_ERROR(Write(items[i]));
    }
    --level_;
    if (!items.empty()) BreakLine();
    *out_ += "]";
    return absl::OkStatus();
  }

  absl::Status WriteDict(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (format_.sort_keys) FOREGATE_RETURN_IF_ERROR(SortByKey(&entries));
    *out_ += "{";
    ++level_;
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      Separate(first);
      first = false;
      std::string key = entry->key.is_string() ? entry->key.string() : "";
      if (!entry->key.is_string()) {
        FOREGATE_ASSIGN_OR_RETURN(key, Scalar(entry->key));
      }
      WriteString(key);
      *out_ += format_.key_separator;
      FOREGATE_RETURN_IF_ERROR(Write(entry->value));
    }
    --level_;
    if (!entries.empty()) BreakLine();
    *out_ += "}";
    return absl::OkStatus();
  }

  static absl::Status SortByKey(std::vector<const Dict::Entry*>* entries) {
    absl::Status status;
    std::stable_sort(entries->begin(), entries->end(), [&](const Dict::Entry* a, const Dict::Entry* b) {
      const auto less = Less(a->key, b->key);
      if (!less.ok()) status = less.status();
      return less.ok() && *less;
    });
    return status;
  }

  const JsonFormat& format_;
  std::string* out_;
  int level_ = 0;
};

}  // namespace

std::string ToString(const Value& value) {
  if (value.is_string()) return value.string();
  if (value.is_undefined()) return "";
  return Repr(value);
}

std::string Repr(const Value& value) {
  std::string out;
  AppendRepr(value, 0, &out);
  return out;
}

std::string AsciiRepr(const Value& value) {
  const std::string text = Repr(value);
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = NextCodePoint(text, &i);
    if (c < 0x80) {
      out.push_back(static_cast<char>(c));
    } else {
      char escape[12];
      const char* const format = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape, sizeof(escape), format, static_cast<unsigned>(c));
      out += escape;
    }
  }
  return out;
}

void AppendReprDict(const Dict& dict, int depth, std::string* out) {
  *out += "{";
  bool first = true;
  for (const auto& [key, element] : dict.entries()) {
    if (!first) *out += ", ";
    first = false;
    AppendRepr(key, depth, out);
    *out += ": ";
    AppendRepr(element, depth, out);
  }
  *out += "}";
}

absl::StatusOr<std::string> ToJson(const Value& value, const JsonFormat& format) {
  std::string out;
  FOREGATE_RETURN_IF_ERROR(JsonWriter(format, &out).Write(value));
  return out;
}

}  // namespace foregate::jinja
