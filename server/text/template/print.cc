#include "server/text/template/print.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/status_macros.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

void AppendRepr(const Value& value, std::string* out);

void AppendItems(const std::vector<Value>& items, std::string* out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *out += ", ";
    AppendRepr(items[i], out);
  }
}

void AppendList(const List& list, std::string* out) {
  switch (list.kind) {
    case List::Kind::kTuple:
      *out += "(";
      AppendItems(list.items, out);
      *out += list.items.size() == 1 ? ",)" : ")";
      return;
    case List::Kind::kRange:
      *out += "range(" + std::to_string(list.range_start) + ", " + std::to_string(list.range_stop);
      if (list.range_step != 1) *out += ", " + std::to_string(list.range_step);
      *out += ")";
      return;
    case List::Kind::kGenerator:
      *out += "<generator object>";
      return;
    case List::Kind::kDictKeys:
    case List::Kind::kDictValues:
    case List::Kind::kDictItems:
      *out += list.kind == List::Kind::kDictKeys     ? "dict_keys(["
              : list.kind == List::Kind::kDictValues ? "dict_values(["
                                                     : "dict_items([";
      AppendItems(list.items, out);
      *out += "])";
      return;
    case List::Kind::kList:
      *out += "[";
      AppendItems(list.items, out);
      *out += "]";
  }
}

void AppendRepr(const Value& value, std::string* out) {
  if (value.is_undefined()) *out += "Undefined";
  if (value.is_none()) *out += "None";
  if (value.is_bool()) *out += value.bool_value() ? "True" : "False";
  if (value.is_int()) *out += std::to_string(value.int_value());
  if (value.is_float()) *out += ReprFloat(value.float_value());
  if (value.is_string()) *out += ReprString(value.string());
  if (value.is_list()) AppendList(value.list(), out);
  if (value.is_object()) *out += "<" + value.object()->Name() + ">";
  if (value.is_dict()) {
    *out += "{";
    bool first = true;
    for (const auto& [key, element] : value.dict().entries()) {
      if (!first) *out += ", ";
      first = false;
      AppendRepr(key, out);
      *out += ": ";
      AppendRepr(element, out);
    }
    *out += "}";
  }
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
    } else if (value.is_list() && (value.list().kind == List::Kind::kList || value.list().kind == List::Kind::kTuple)) {
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
    if (value.is_float()) {
      const double number = value.float_value();
      if (std::isnan(number)) return "NaN";
      if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
      return ReprFloat(number);
    }
    return TypeError("Object of type " + TypeName(value) + " is not JSON serializable");
  }

  void WriteString(std::string_view text) {
    out_->push_back('"');
    for (size_t i = 0; i < text.size();) {
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
  AppendRepr(value, &out);
  return out;
}

absl::StatusOr<std::string> ToJson(const Value& value, const JsonFormat& format) {
  std::string out;
  FOREGATE_RETURN_IF_ERROR(JsonWriter(format, &out).Write(value));
  return out;
}

}  // namespace foregate::jinja
