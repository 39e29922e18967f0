#include "server/text/template/methods.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;
using Method = Result (*)(const Value& self, const Arguments& arguments);
using MethodTable = std::unordered_map<std::string, Method>;

Result StringList(std::vector<std::string> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (std::string& part : parts) items.push_back(Value::String(std::move(part)));
  return MakeList(std::move(items));
}

template <std::string (*kConvert)(std::string_view)>
Result Convert(const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("str method", arguments, {}).status());
  return Value::String(kConvert(self.string()));
}

template <bool kLeft, bool kRight>
Result Strip(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("strip", arguments, {"chars"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string characters, bound.absent(0) ? "" : bound.GetString(0, ""));
  const auto set = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(characters);
  std::string_view text = self.string();
  if (kLeft) text = StripLeft(text, set);
  if (kRight) text = StripRight(text, set);
  return Value::String(std::string(text));
}

template <bool kFromRight>
Result SplitMethod(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("split", arguments, {"sep", "maxsplit"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string separator, bound.absent(0) ? "" : bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t max_splits, bound.GetInt(1, -1));
  if (!bound.absent(0) && separator.empty()) return absl::InvalidArgumentError("empty separator");
  const auto given = bound.absent(0) ? std::nullopt : std::optional<std::string_view>(separator);
  return StringList(kFromRight ? SplitFromRight(self.string(), given, max_splits)
                               : Split(self.string(), given, max_splits));
}

Result SplitLinesMethod(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("splitlines", arguments, {"keepends"}));
  return StringList(SplitLines(self.string(), bound.GetBool(0, false)));
}

template <bool kFromRight>
Result Partition(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("partition", arguments, {"sep"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string separator, bound.GetString(0, ""));
  if (separator.empty()) return absl::InvalidArgumentError("empty separator");
  const std::string& text = self.string();
  const size_t at = kFromRight ? text.rfind(separator) : text.find(separator);
  std::vector<Value> parts;
  if (at == std::string::npos) {
    parts = {Value::String(kFromRight ? "" : text), Value::String(""), Value::String(kFromRight ? text : "")};
  } else {
    parts = {Value::String(text.substr(0, at)), Value::String(separator),
             Value::String(text.substr(at + separator.size()))};
  }
  return MakeList(std::move(parts), List::Kind::kTuple);
}

template <bool kEnd>
Result StartsOrEnds(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("startswith", arguments, {"prefix", "start", "end"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const Value part, GetSlice(self, bound.Get(1, Value()), bound.Get(2, Value()), Value()));
  std::vector<Value> affixes = {bound.at(0)};
  if (bound.at(0).is_list() && bound.at(0).list().kind == List::Kind::kTuple) affixes = bound.at(0).list().items;
  for (const Value& affix : affixes) {
    if (affix.is_undefined()) return UndefinedError(affix);
    if (!affix.is_string())
      return TypeError("startswith first arg must be str or a tuple of str, not " + TypeName(affix));
    if (kEnd ? part.string().ends_with(affix.string()) : part.string().starts_with(affix.string())) {
      return Value::Bool(true);
    }
  }
  return Value::Bool(false);
}

template <bool kPrefix>
Result RemoveAffix(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("removeprefix", arguments, {"affix"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string affix, bound.GetString(0, ""));
  const std::string& text = self.string();
  if (kPrefix && text.starts_with(affix)) return Value::String(text.substr(affix.size()));
  if (!kPrefix && text.ends_with(affix)) return Value::String(text.substr(0, text.size() - affix.size()));
  return self;
}

Result Replace(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("replace", arguments, {"old", "new", "count"}, 2));
  FOREGATE_ASSIGN_OR_RETURN(const std::string from, bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const std::string to, bound.GetString(1, ""));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t count, bound.GetInt(2, -1));
  const size_t most = from.empty() ? self.string().size() + 1 : self.string().size() / from.size() + 1;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(self.string().size() + most * to.size()));
  return Value::String(ReplaceAll(self.string(), from, to, count));
}

// The index of the code point where `part` is first (or last) found, -1 for nowhere.
absl::StatusOr<int64_t> FindPart(const Value& self, const Arguments& arguments, bool from_right) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("find", arguments, {"sub", "start", "end"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string part, bound.GetString(0, ""));
  FOREGATE_ASSIGN_OR_RETURN(const Value within, GetSlice(self, bound.Get(1, Value()), bound.Get(2, Value()), Value()));
  const std::string& text = within.string();
  const size_t at = from_right ? text.rfind(part) : text.find(part);
  if (at == std::string::npos) return -1;
  int64_t offset = 0;
  if (!bound.absent(1)) {
    FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(self));
    FOREGATE_ASSIGN_OR_RETURN(const int64_t start, bound.GetInt(1, 0));
    offset = std::clamp<int64_t>(start < 0 ? start + length : start, 0, length);
  }
  return offset + static_cast<int64_t>(NumCodePoints(std::string_view(text).substr(0, at)));
}

template <bool kFromRight, bool kMustExist>
Result Find(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const int64_t at, FindPart(self, arguments, kFromRight));
  if (kMustExist && at < 0) return absl::InvalidArgumentError("substring not found");
  return Value::Int(at);
}

Result CountPart(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("count", arguments, {"sub"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string part, bound.GetString(0, ""));
  if (part.empty()) return Value::Int(static_cast<int64_t>(NumCodePoints(self.string())) + 1);
  int64_t count = 0;
  for (size_t at = self.string().find(part); at != std::string::npos; at = self.string().find(part, at + part.size())) {
    ++count;
  }
  return Value::Int(count);
}

Result Join(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("join", arguments, {"iterable"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(bound.at(0)));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string())
      return TypeError("sequence item " + std::to_string(i) + ": expected str instance, " + TypeName(items[i]) +
                       " found");
    if (i > 0) out += self.string();
    out += items[i].string();
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
  }
  return Value::String(std::move(out));
}

template <CharacterClass kClass>
Result IsAll(const Value& self, const Arguments&) {
  return Value::Bool(AllOf(self.string(), kClass));
}

Result IsUpper(const Value& self, const Arguments&) { return Value::Bool(IsUpperCased(self.string())); }
Result IsLower(const Value& self, const Arguments&) { return Value::Bool(IsLowerCased(self.string())); }

enum class Side { kLeft, kRight, kBoth };

template <Side kSide>
Result Justify(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("ljust", arguments, {"width", "fillchar"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t width, bound.GetInt(0, 0));
  FOREGATE_ASSIGN_OR_RETURN(const std::string fill, bound.GetString(1, " "));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(self));
  if (NumCodePoints(fill) != 1) return TypeError("The fill character must be exactly one character long");
  if (width <= length) return self;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(width) * fill.size()));
  const int64_t missing = width - length;
  // str.center puts the odd one to the left when the width is odd.
  const int64_t left = kSide == Side::kLeft ? 0 : kSide == Side::kRight ? missing : missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < left; ++i) out += fill;
  out += self.string();
  for (int64_t i = left; i < missing; ++i) out += fill;
  return Value::String(std::move(out));
}

Result ZeroFill(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("zfill", arguments, {"width"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t width, bound.GetInt(0, 0));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(self));
  if (width <= length) return self;
  FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(width)));
  std::string text = self.string();
  const bool is_signed = text.starts_with('-') || text.starts_with('+');
  return Value::String(text.insert(is_signed ? 1 : 0, static_cast<size_t>(width - length), '0'));
}

// "{} {0} {name}" without conversions and format specifications.
Result Format(const Value& self, const Arguments& arguments) {
  std::string out;
  size_t next = 0;
  bool has_manual = false;
  bool has_automatic = false;
  const std::string& text = self.string();
  for (size_t i = 0; i < text.size(); ++i) {
    const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
    if (text[i] != '{' && text[i] != '}') {
      out.push_back(text[i]);
    } else if (doubled) {
      out.push_back(text[i++]);
    } else {
      const size_t end = text.find('}', i);
      if (text[i] == '}' || end == std::string::npos)
        return absl::InvalidArgumentError("Single '}' or '{' in format string");
      const std::string field = text.substr(i + 1, end - i - 1);
      const bool numbered = !field.empty() && std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; });
      (numbered ? has_manual : has_automatic) |= numbered || field.empty();
      if (has_manual && has_automatic) return absl::InvalidArgumentError("format string mixes {} and {0}");
      const Value* value = nullptr;
      for (const auto& [name, named] : arguments.named) {
        if (name == field) value = &named;
      }
      if (field.empty() || (numbered && field.size() < 9)) {
        const size_t at = numbered ? static_cast<size_t>(std::stoi(field)) : next++;
        if (at < arguments.positional.size()) value = &arguments.positional[at];
      }
      if (value == nullptr) return absl::InvalidArgumentError("format string asks for '" + field + "'");
      out += ToString(*value);
      FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
      i = end;
    }
  }
  return Value::String(std::move(out));
}

Result ListIndex(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("index", arguments, {"value"}, 1));
  const auto& items = self.list().items;
  const auto found = std::find_if(items.begin(), items.end(), [&](const Value& v) { return Equal(v, bound.at(0)); });
  if (found == items.end()) return absl::InvalidArgumentError(Repr(bound.at(0)) + " is not in list");
  return Value::Int(found - items.begin());
}

Result ListCount(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("count", arguments, {"value"}, 1));
  const auto& items = self.list().items;
  return Value::Int(std::count_if(items.begin(), items.end(), [&](const Value& v) { return Equal(v, bound.at(0)); }));
}

Result Copy(const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("copy", arguments, {}).status());
  return self;
}

Result DictGet(const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("get", arguments, {"key", "default"}, 1));
  const Value* value = self.dict().Find(bound.at(0));
  return value != nullptr ? *value : bound.Get(1, Value());
}

template <List::Kind kKind>
Result DictView(const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("items", arguments, {}).status());
  std::vector<Value> items;
  items.reserve(self.dict().entries().size());
  for (const auto& [key, value] : self.dict().entries()) {
    if (kKind == List::Kind::kDictKeys) items.push_back(key);
    if (kKind == List::Kind::kDictValues) items.push_back(value);
    if (kKind == List::Kind::kDictItems) {
      FOREGATE_ASSIGN_OR_RETURN(items.emplace_back(), MakeList({key, value}, List::Kind::kTuple));
    }
  }
  return MakeList(std::move(items), kKind);
}

const MethodTable& StringMethods() {
  static const auto* const table = new MethodTable{
      {"upper", &Convert<Upper>},
      {"lower", &Convert<Lower>},
      {"casefold", &Convert<Lower>},
      {"capitalize", &Convert<Capitalize>},
      {"title", &Convert<TitleCase>},
      {"strip", &Strip<true, true>},
      {"lstrip", &Strip<true, false>},
      {"rstrip", &Strip<false, true>},
      {"split", &SplitMethod<false>},
      {"rsplit", &SplitMethod<true>},
      {"splitlines", &SplitLinesMethod},
      {"partition", &Partition<false>},
      {"rpartition", &Partition<true>},
      {"startswith", &StartsOrEnds<false>},
      {"endswith", &StartsOrEnds<true>},
      {"removeprefix", &RemoveAffix<true>},
      {"removesuffix", &RemoveAffix<false>},
      {"replace", &Replace},
      {"find", &Find<false, false>},
      {"rfind", &Find<true, false>},
      {"index", &Find<false, true>},
      {"rindex", &Find<true, true>},
      {"count", &CountPart},
      {"join", &Join},
      {"format", &Format},
      {"isdigit", &IsAll<CharacterClass::kDigit>},
      {"isdecimal", &IsAll<CharacterClass::kDecimal>},
      {"isnumeric", &IsAll<CharacterClass::kNumeric>},
      {"isalpha", &IsAll<CharacterClass::kAlpha>},
      {"isalnum", &IsAll<CharacterClass::kAlnum>},
      {"isspace", &IsAll<CharacterClass::kSpace>},
      {"isupper", &IsUpper},
      {"islower", &IsLower},
      {"ljust", &Justify<Side::kLeft>},
      {"rjust", &Justify<Side::kRight>},
      {"center", &Justify<Side::kBoth>},
      {"zfill", &ZeroFill},
  };
  return *table;
}

const MethodTable& ListMethods() {
  static const auto* const table = new MethodTable{{"index", &ListIndex}, {"count", &ListCount}, {"copy", &Copy}};
  return *table;
}

const MethodTable& DictMethods() {
  static const auto* const table = new MethodTable{
      {"get", &DictGet},
      {"items", &DictView<List::Kind::kDictItems>},
      {"keys", &DictView<List::Kind::kDictKeys>},
      {"values", &DictView<List::Kind::kDictValues>},
      {"copy", &Copy},
  };
  return *table;
}

bool Mutates(const Value& receiver, const std::string& name) {
  static const auto* const list_names =
      new std::unordered_set<std::string>{"append", "reverse", "insert", "sort", "extend", "remove", "pop", "clear"};
  static const auto* const dict_names =
      new std::unordered_set<std::string>{"clear", "pop", "popitem", "setdefault", "update"};
  if (receiver.is_dict()) return dict_names->contains(name);
  return receiver.is_list() && receiver.list().kind == List::Kind::kList && list_names->contains(name);
}

class BoundMethod : public Object {
 public:
  BoundMethod(Value self, Method method) : self_(std::move(self)), method_(method) {}

  std::string Name() const override { return "builtin_function_or_method"; }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(self_)));
    return method_(self_, arguments);
  }
  int depth() const override { return 1; }

 private:
  Value self_;
  Method method_;
};

}  // namespace

std::optional<Value> BindMethod(const Value& receiver, const std::string& name) {
  if (!receiver.is_string() && !receiver.is_list() && !receiver.is_dict()) return std::nullopt;
  if (Mutates(receiver, name)) {
    return Value::MakeUndefined("access to method '" + name + "' of '" + TypeName(receiver) + "' object is unsafe.");
  }
  if (receiver.is_list() && !receiver.list().is_sequence()) return std::nullopt;
  const MethodTable& table = receiver.is_string() ? StringMethods()
                             : receiver.is_list() ? ListMethods()
                                                  : DictMethods();
  const auto method = table.find(name);
  if (method == table.end()) return std::nullopt;
  return Value::Of(std::shared_ptr<Object>(std::make_shared<BoundMethod>(receiver, method->second)));
}

}  // namespace foregate::jinja
