#include "server/text/template/value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/base/status_macros.h"
#include "server/text/template/compare.h"
#include "server/text/template/limits.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

// Below this many entries comparing them all is faster than hashing.
constexpr size_t kIndexFrom = 12;

absl::Status CheckSize(int depth, size_t weight) {
  if (weight > Limits::kMaxValueWeight) {
    return absl::InvalidArgumentError("a value is larger than " + std::to_string(Limits::kMaxValueWeight) + " bytes");
  }
  return CheckDepth(depth);
}

absl::Status CheckText(std::string_view text) {
  const auto bad = FirstInvalidUtf8(text);
  if (!bad.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError("a template argument is not UTF-8 at byte " + std::to_string(*bad));
}

absl::StatusOr<Value> FromJsonAt(const nlohmann::ordered_json& json, int depth) {
  FOREGATE_RETURN_IF_ERROR(CheckSize(depth, 0));
  if (json.is_null()) return Value();
  if (json.is_boolean()) return Value::Bool(json.get<bool>());
  if (json.is_number_float()) return Value::Float(json.get<double>());
  if (json.is_number_unsigned()) return Value::Big(BigInt::FromUnsigned(json.get<uint64_t>()));
  if (json.is_number_integer()) return Value::Int(json.get<int64_t>());
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    FOREGATE_RETURN_IF_ERROR(CheckText(text));
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
  dict.Reserve(json.size());
  for (const auto& [key, element] : json.items()) {
    FOREGATE_RETURN_IF_ERROR(CheckText(key));
    FOREGATE_ASSIGN_OR_RETURN(Value value, FromJsonAt(element, depth + 1));
    dict.Set(Value::String(key), std::move(value));
  }
  return MakeDict(std::move(dict));
}

}  // namespace

int DepthOf(const Value& value) {
  if (value.is_list()) return value.list().depth;
  if (value.is_dict()) return value.dict().depth();
  return value.is_object() ? value.object().depth() : 0;
}

absl::Status CheckDepth(int depth) {
  if (depth <= Limits::kMaxValueDepth) return absl::OkStatus();
  return absl::InvalidArgumentError("values are nested deeper than " + std::to_string(Limits::kMaxValueDepth));
}

Value Value::MakeUndefined(std::string message) {
  auto* const reason = new UndefinedReason;
  reason->message = std::move(message);
  return Value(Type::kUndefined, reason);
}

Value Value::MakeUndefined(const char* object_type, std::string name) {
  auto* const reason = new UndefinedReason;
  reason->object_type = object_type;
  reason->name = std::move(name);
  return Value(Type::kUndefined, reason);
}

Value Value::Missing() {
  Value value;
  value.type_ = Type::kMissing;
  return value;
}

Value Value::String(std::string text) { return Value(Type::kString, new SharedString(std::move(text))); }
Value Value::Markup(std::string text) { return Value(Type::kMarkup, new SharedString(std::move(text))); }

Value Value::Bool(bool value) {
  Value result = Int(value ? 1 : 0);
  result.type_ = Type::kBool;
  return result;
}

Value Value::Int(int64_t value) {
  Value result;
  result.type_ = Type::kInt;
  result.data_.integer = value;
  return result;
}

Value Value::Float(double value) {
  Value result;
  result.type_ = Type::kFloat;
  result.data_.number = value;
  return result;
}

Value Value::Big(const BigInt& value) {
  if (const auto small = value.ToInt64(); small.has_value()) return Int(*small);
  return Value(Type::kBigInt, new SharedBigInt(value));
}

Value Value::Of(const Ref<List>& list) { return Value(Type::kList, list.get()); }
Value Value::Of(const Ref<Dict>& dict) { return Value(Type::kDict, dict.get()); }
Value Value::Of(const Ref<Object>& object) { return Value(Type::kObject, object.get()); }

const List& Value::list() const { return *static_cast<const List*>(data_.shared); }
const Dict& Value::dict() const { return *static_cast<const Dict*>(data_.shared); }
Object& Value::object() const { return *static_cast<Object*>(data_.shared); }
bool Value::is_tuple() const { return is_list() && list().kind == List::Kind::kTuple; }
bool Value::is_list_or_tuple() const {
  return is_list() && (list().kind == List::Kind::kTuple || list().kind == List::Kind::kList);
}

BigInt Value::big_value() const {
  return is_big() ? static_cast<const SharedBigInt*>(data_.shared)->integer : BigInt(int_value());
}

double Value::float_value() const {
  if (is_float()) return data_.number;
  return is_big() ? big_value().ToDouble() : static_cast<double>(int_value());
}

std::string Value::undefined_message() const {
  const auto& reason = *static_cast<const UndefinedReason*>(data_.shared);
  if (reason.object_type == nullptr) return reason.message;
  return "'" + std::string(reason.object_type) + " object' has no attribute '" + reason.name + "'";
}

void Dict::Set(Value key, Value value) {
  weight_ += Weight(key) + Weight(value);
  depth_ = std::max(depth_, 1 + std::max(DepthOf(key), DepthOf(value)));
  if (const auto known = IndexOf(key); known.has_value()) {
    entries_[*known].value = std::move(value);
    return;
  }
  entries_.push_back({std::move(key), std::move(value)});
  if (entries_.size() < kIndexFrom) return;
  const size_t first_new = entries_.size() == kIndexFrom ? 0 : entries_.size() - 1;
  for (size_t i = first_new; i < entries_.size(); ++i) {
    if (entries_[i].key.is_string()) index_.emplace(entries_[i].key.string(), i);
  }
}

std::optional<size_t> Dict::IndexOf(std::string_view key) const {
  if (entries_.size() >= kIndexFrom) {
    const auto found = index_.find(key);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].key.is_string() && entries_[i].key.string() == key) return i;
  }
  return std::nullopt;
}

std::optional<size_t> Dict::IndexOf(const Value& key) const {
  if (key.is_string()) return IndexOf(key.string());
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].key.is_string() && Equal(entries_[i].key, key)) return i;
  }
  return std::nullopt;
}

const Value* Dict::Find(std::string_view key) const {
  const auto at = IndexOf(key);
  return at.has_value() ? &entries_[*at].value : nullptr;
}

const Value* Dict::Find(const Value& key) const {
  const auto at = IndexOf(key);
  return at.has_value() ? &entries_[*at].value : nullptr;
}

absl::StatusOr<Value> Object::Call(Interpreter&, Arguments) {
  return TypeError("'" + std::string(TypeName()) + "' object is not callable");
}

size_t Weight(const Value& value) {
  if (value.is_string()) return value.string().size() + 4;
  if (value.is_list()) return value.list().weight;
  if (value.is_big()) return value.big_value().num_bits() / 3;
  return value.is_dict() ? value.dict().weight() : 8;
}

size_t ShallowWeight(const Value& value) {
  if (value.is_string()) return value.string().size();
  if (value.is_list()) return 8 * value.list().items.size();
  return value.is_dict() ? 16 * value.dict().entries().size() : 8;
}

absl::StatusOr<Value> MakeList(std::vector<Value> items, List::Kind kind) {
  auto list = MakeRef<List>();
  list->kind = kind;
  for (const Value& item : items) {
    list->depth = std::max(list->depth, 1 + DepthOf(item));
    list->weight += Weight(item);
  }
  FOREGATE_RETURN_IF_ERROR(CheckSize(list->depth, list->weight));
  list->items = std::move(items);
  return Value::Of(list);
}

absl::StatusOr<Value> MakeTuple(std::vector<Value> items) { return MakeList(std::move(items), List::Kind::kTuple); }

absl::StatusOr<Value> MakeDict(Dict dict) {
  FOREGATE_RETURN_IF_ERROR(CheckSize(dict.depth(), dict.weight()));
  return Value::Of(MakeRef<Dict>(std::move(dict)));
}

absl::StatusOr<Value> FromJson(const nlohmann::ordered_json& json) { return FromJsonAt(json, 0); }

const char* TypeName(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_integer()) return "int";
  if (value.is_float()) return "float";
  if (value.is_string()) return value.is_markup() ? "Markup" : "str";
  if (value.is_dict()) return "dict";
  if (value.is_object()) return value.object().TypeName();
  switch (value.list().kind) {
    case List::Kind::kList:
      return "list";
    case List::Kind::kTuple:
      return "tuple";
    case List::Kind::kRange:
      return "range";
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
  if (value.is_big()) return true;
  if (value.is_number()) return value.int_value() != 0;
  if (value.is_string()) return !value.string().empty();
  if (value.is_list()) return !value.list().items.empty();
  if (value.is_dict()) return !value.dict().entries().empty();
  return value.object().length().value_or(1) != 0;
}

bool IsCallable(const Value& value) { return value.is_object() && value.object().callable(); }

bool IsHashable(const Value& value) {
  if (value.is_dict()) return false;
  if (!value.is_list()) return true;
  switch (value.list().kind) {
    case List::Kind::kTuple:
      return std::all_of(value.list().items.begin(), value.list().items.end(), &IsHashable);
    case List::Kind::kRange:
    case List::Kind::kDictValues:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<int64_t> Length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return static_cast<int64_t>(NumCodePoints(value.string()));
  if (value.is_list()) return static_cast<int64_t>(value.list().items.size());
  if (value.is_dict()) return static_cast<int64_t>(value.dict().entries().size());
  if (value.is_object()) {
    if (const auto length = value.object().length(); length.has_value()) return *length;
  }
  return TypeError("object of type '" + std::string(TypeName(value)) + "' has no len()");
}

absl::Status TypeError(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

absl::Status CheckStringSize(size_t bytes) {
  if (bytes <= Limits::kMaxOutputBytes) return absl::OkStatus();
  return absl::InvalidArgumentError("a string exceeds the limit of " + std::to_string(Limits::kMaxOutputBytes) +
                                    " bytes");
}

absl::Status UndefinedError(const Value& value) { return absl::InvalidArgumentError(value.undefined_message()); }

}  // namespace foregate::jinja
