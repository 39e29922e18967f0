#include "server/text/template/value.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

// Below this many entries comparing them all is faster than hashing.
constexpr size_t kIndexFrom = 12;

int DepthOf(const Value& value) {
  if (value.is_list()) return value.list().depth;
  if (value.is_dict()) return value.dict().depth();
  return value.is_object() ? value.object()->depth() : 0;
}

absl::Status CheckSize(int depth, size_t weight) {
  if (weight > Limits::kMaxValueWeight) {
    return absl::InvalidArgumentError("a value is larger than " + std::to_string(Limits::kMaxValueWeight) + " bytes");
  }
  if (depth <= Limits::kMaxValueDepth) return absl::OkStatus();
  return absl::InvalidArgumentError("values are nested deeper than " + std::to_string(Limits::kMaxValueDepth));
}

absl::StatusOr<Value> FromJsonAt(const nlohmann::ordered_json& json, int depth) {
  FOREGATE_RETURN_IF_ERROR(CheckSize(depth, 0));
  if (json.is_null()) return Value();
  if (json.is_boolean()) return Value::Bool(json.get<bool>());
  if (json.is_number_float()) return Value::Float(json.get<double>());
  if (json.is_number_unsigned() && json.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
    return absl::InvalidArgumentError("integer beyond 64 bits: " + json.dump());
  }
  if (json.is_number_integer()) return Value::Int(json.get<int64_t>());
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    if (const auto bad = FirstInvalidUtf8(text); bad.has_value()) {
      return absl::InvalidArgumentError("a template argument is not UTF-8 at byte " + std::to_string(*bad));
    }
    return Value::String(text);
  }
  if (json.is_array()) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto& element : json) {
      FOREGATE_ASSIGN_OR_RETURN(items.emplace_back(), FromJsonAt(element, depth + 1));
    }
    return MakeList(std::move(items));
  }
  if (!json.is_object()) return absl::InvalidArgumentError("a template argument is not JSON");
  Dict dict;
  for (const auto& [key, element] : json.items()) {
    FOREGATE_ASSIGN_OR_RETURN(Value value, FromJsonAt(element, depth + 1));
    dict.Set(Value::String(key), std::move(value));
  }
  return MakeDict(std::move(dict));
}

bool EqualLists(const List& a, const List& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!Equal(a.items[i], b.items[i])) return false;
  }
  return true;
}

bool EqualDicts(const Dict& a, const Dict& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.Find(key);
    if (other == nullptr || !Equal(value, *other)) return false;
  }
  return true;
}

}  // namespace

Value Value::MakeUndefined(std::string message) {
  return Value(Data(Undefined{std::make_shared<const std::string>(std::move(message))}));
}

Value Value::String(std::string text) { return Value(Data(std::make_shared<const std::string>(std::move(text)))); }

const void* Value::address() const {
  if (const auto* text = std::get_if<StringPtr>(&data_)) return text->get();
  if (const auto* list = std::get_if<ListPtr>(&data_)) return list->get();
  if (const auto* dict = std::get_if<DictPtr>(&data_)) return dict->get();
  if (const auto* object = std::get_if<ObjectPtr>(&data_)) return object->get();
  return nullptr;
}

void Dict::Set(Value key, Value value) {
  weight_ += Weight(key) + Weight(value);
  depth_ = std::max(depth_, 1 + std::max(DepthOf(key), DepthOf(value)));
  if (const Value* known = Find(key); known != nullptr) {
    *const_cast<Value*>(known) = std::move(value);
    return;
  }
  entries_.push_back({std::move(key), std::move(value)});
  if (entries_.size() < kIndexFrom) return;
  const size_t first_new = entries_.size() == kIndexFrom ? 0 : entries_.size() - 1;
  for (size_t i = first_new; i < entries_.size(); ++i) {
    if (entries_[i].key.is_string()) index_.emplace(entries_[i].key.string(), i);
  }
}

const Value* Dict::Find(std::string_view key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &entries_[found->second].value;
  }
  for (const Entry& entry : entries_) {
    if (entry.key.is_string() && entry.key.string() == key) return &entry.value;
  }
  return nullptr;
}

const Value* Dict::Find(const Value& key) const {
  if (key.is_string()) return Find(key.string());
  for (const Entry& entry : entries_) {
    if (!entry.key.is_string() && Equal(entry.key, key)) return &entry.value;
  }
  return nullptr;
}

absl::StatusOr<Value> Object::Call(Interpreter&, Arguments) { return TypeError(Name() + " is not callable"); }

size_t Weight(const Value& value) {
  if (value.is_string()) return value.string().size() + 4;
  if (value.is_list()) return value.list().weight;
  return value.is_dict() ? value.dict().weight() : 8;
}

size_t ShallowWeight(const Value& value) {
  if (value.is_string()) return value.string().size();
  if (value.is_list()) return 8 * value.list().items.size();
  return value.is_dict() ? 16 * value.dict().entries().size() : 8;
}

absl::StatusOr<Value> MakeList(std::vector<Value> items, List::Kind kind) {
  auto list = std::make_shared<List>();
  list->kind = kind;
  for (const Value& item : items) {
    list->depth = std::max(list->depth, 1 + DepthOf(item));
    list->weight += Weight(item);
  }
  FOREGATE_RETURN_IF_ERROR(CheckSize(list->depth, list->weight));
  list->items = std::move(items);
  return Value::Of(std::shared_ptr<const List>(std::move(list)));
}

absl::StatusOr<Value> MakeDict(Dict dict) {
  FOREGATE_RETURN_IF_ERROR(CheckSize(dict.depth(), dict.weight()));
  return Value::Of(std::make_shared<const Dict>(std::move(dict)));
}

absl::StatusOr<Value> FromJson(const nlohmann::ordered_json& json) { return FromJsonAt(json, 0); }

std::string TypeName(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_int()) return "int";
  if (value.is_float()) return "float";
  if (value.is_string()) return "str";
  if (value.is_dict()) return "dict";
  if (value.is_object()) return value.object()->Name();
  switch (value.list().kind) {
    case List::Kind::kList:
      return "list";
    case List::Kind::kTuple:
      return "tuple";
    case List::Kind::kRange:
      return "range";
    case List::Kind::kGenerator:
      return "generator";
    case List::Kind::kDictKeys:
      return "dict_keys";
    case List::Kind::kDictValues:
      return "dict_values";
    case List::Kind::kDictItems:
      return "dict_items";
  }
  return "object";
}

bool IsTrue(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_float()) return value.float_value() != 0;
  if (value.is_number()) return value.int_value() != 0;
  if (value.is_string()) return !value.string().empty();
  if (value.is_list()) return !value.list().has_length() || !value.list().items.empty();
  if (value.is_dict()) return !value.dict().entries().empty();
  return true;
}

bool IsCallable(const Value& value) { return value.is_object() && value.object()->callable(); }

bool Equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.float_value() == b.float_value();
    return a.int_value() == b.int_value();
  }
  if (a.is_string() && b.is_string()) return a.string() == b.string();
  if (a.is_list() && b.is_list()) return a.address() == b.address() || EqualLists(a.list(), b.list());
  if (a.is_dict() && b.is_dict()) return a.address() == b.address() || EqualDicts(a.dict(), b.dict());
  if (a.is_object() && b.is_object()) return a.address() == b.address();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

absl::StatusOr<bool> Less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.float_value() < b.float_value();
    return a.int_value() < b.int_value();
  }
  // UTF-8 sorts bytewise as its code points do.
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  const bool sequences = a.is_list() && b.is_list() && a.list().kind == b.list().kind && a.list().is_sequence();
  if (sequences && a.list().kind != List::Kind::kRange) {
    const auto &left = a.list().items, &right = b.list().items;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (!Equal(left[i], right[i])) return Less(left[i], right[i]);
    }
    return left.size() < right.size();
  }
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  return TypeError("'<' not supported between instances of '" + TypeName(a) + "' and '" + TypeName(b) + "'");
}

absl::StatusOr<std::vector<Value>> Iterate(const Value& value) {
  if (value.is_list()) return value.list().items;
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (value.is_dict()) {
    for (const auto& entry : value.dict().entries()) items.push_back(entry.key);
    return items;
  }
  if (value.is_string()) {
    const std::string& text = value.string();
    for (size_t i = 0; i < text.size();) {
      const size_t length = Utf8Length(text[i]);
      items.push_back(Value::String(text.substr(i, length)));
      i += length;
    }
    return items;
  }
  return TypeError("'" + TypeName(value) + "' object is not iterable");
}

absl::StatusOr<int64_t> Length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return static_cast<int64_t>(NumCodePoints(value.string()));
  if (value.is_list() && value.list().has_length()) return static_cast<int64_t>(value.list().items.size());
  if (value.is_dict()) return static_cast<int64_t>(value.dict().entries().size());
  return TypeError("object of type '" + TypeName(value) + "' has no len()");
}

absl::Status TypeError(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::Status CheckStringSize(size_t bytes) {
  if (bytes <= Limits::kMaxOutputBytes) return absl::OkStatus();
  return absl::InvalidArgumentError("a string exceeds the limit of " + std::to_string(Limits::kMaxOutputBytes) +
                                    " bytes");
}

absl::Status UndefinedError(const Value& value) { return absl::InvalidArgumentError(value.undefined_message()); }

}  // namespace foregate::jinja
