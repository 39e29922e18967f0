// The values of the template language, which are those of Python: None, bool, int, float, str, list, tuple, dict, and
// objects that can be called or asked for attributes.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate::jinja {

struct List;
class Dict;
class Object;

// Using one is an error in most places; printing it gives nothing.
struct Undefined {
  std::shared_ptr<const std::string> message;
};
struct None {};

// A cheap handle; what it points to is immutable once made (but for namespaces and loops).
class Value {
 public:
  Value() : data_(None{}) {}
  static Value MakeUndefined(std::string message);
  static Value String(std::string text);
  // Chars of a literal would silently become a bool.
  static Value Bool(bool value) { return Value(Data(value)); }
  static Value Int(int64_t value) { return Value(Data(value)); }
  static Value Float(double value) { return Value(Data(value)); }
  static Value Of(std::shared_ptr<const List> list) { return Value(Data(std::move(list))); }
  static Value Of(std::shared_ptr<const Dict> dict) { return Value(Data(std::move(dict))); }
  static Value Of(std::shared_ptr<Object> object) { return Value(Data(std::move(object))); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  bool is_string() const { return std::holds_alternative<StringPtr>(data_); }
  bool is_list() const { return std::holds_alternative<ListPtr>(data_); }  // of any List::Kind
  bool is_dict() const { return std::holds_alternative<DictPtr>(data_); }
  bool is_object() const { return std::holds_alternative<ObjectPtr>(data_); }

  const std::string& string() const { return *std::get<StringPtr>(data_); }
  const List& list() const { return *std::get<ListPtr>(data_); }
  const Dict& dict() const { return *std::get<DictPtr>(data_); }
  const std::shared_ptr<Object>& object() const { return std::get<ObjectPtr>(data_); }
  bool bool_value() const { return std::get<bool>(data_); }
  const std::string& undefined_message() const { return *std::get<Undefined>(data_).message; }
  // Of a bool or an int.
  int64_t int_value() const { return is_bool() ? bool_value() : std::get<int64_t>(data_); }
  // Of any number.
  double float_value() const { return is_float() ? std::get<double>(data_) : static_cast<double>(int_value()); }
  // Identity, for `is sameas`.
  const void* address() const;

 private:
  using StringPtr = std::shared_ptr<const std::string>;
  using ListPtr = std::shared_ptr<const List>;
  using DictPtr = std::shared_ptr<const Dict>;
  using ObjectPtr = std::shared_ptr<Object>;
  using Data = std::variant<Undefined, None, bool, int64_t, double, StringPtr, ListPtr, DictPtr, ObjectPtr>;

  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

// Everything that holds values in order.
struct List {
  enum class Kind { kList, kTuple, kRange, kGenerator, kDictKeys, kDictValues, kDictItems };
  Kind kind = Kind::kList;
  std::vector<Value> items;
  int64_t range_start = 0, range_stop = 0, range_step = 1;  // of a range, which prints them
  int depth = 1;
  size_t weight = 1;  // see Weight()

  // Whether Python would give it len() and indexing.
  bool has_length() const { return kind != Kind::kGenerator; }
  bool is_sequence() const { return kind == Kind::kList || kind == Kind::kTuple || kind == Kind::kRange; }
};

// Keys in order of insertion.
class Dict {
 public:
  struct Entry {
    Value key;
    Value value;
  };

  // Replaces the value of an equal key.
  void Set(Value key, Value value);
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  int depth() const { return depth_; }
  size_t weight() const { return weight_; }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, size_t> index_;  // of string keys, once there are many
  int depth_ = 1;
  size_t weight_ = 1;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Interpreter;

// Functions, macros, namespaces, loops.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string Name() const = 0;  // as in "<Namespace>"
  // Nothing when it has no such attribute.
  virtual absl::StatusOr<std::optional<Value>> Attribute(std::string_view) { return std::optional<Value>(); }
  virtual bool callable() const { return false; }
  virtual absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments);
  // Breaks cycles of ownership at the end of a rendering.
  virtual void Clear() {}
  virtual int depth() const { return 0; }
};

// About the bytes that printing it takes, shared parts counted each time: what walking it costs. A list of two copies
// of a list of two copies ... is small in memory and endless to print, so the weight is limited where lists are made.
size_t Weight(const Value& value);
// The same without what is inside of lists and dicts: what making or scanning it costs.
size_t ShallowWeight(const Value& value);

// INVALID_ARGUMENT when values would nest deeper than Limits::kMaxValueDepth or weigh more than kMaxValueWeight.
absl::StatusOr<Value> MakeList(std::vector<Value> items, List::Kind kind = List::Kind::kList);
absl::StatusOr<Value> MakeDict(Dict dict);
absl::StatusOr<Value> FromJson(const nlohmann::ordered_json& json);

// "str", "list", "dict": Python's names, for messages.
std::string TypeName(const Value& value);
bool IsTrue(const Value& value);
bool IsCallable(const Value& value);
// Python's ==, which never fails.
bool Equal(const Value& a, const Value& b);
// Python's <; INVALID_ARGUMENT for types without an order.
absl::StatusOr<bool> Less(const Value& a, const Value& b);
// What `for` sees: items, keys, or characters. INVALID_ARGUMENT when not iterable.
absl::StatusOr<std::vector<Value>> Iterate(const Value& value);
absl::StatusOr<int64_t> Length(const Value& value);

absl::Status TypeError(std::string message);
// INVALID_ARGUMENT above Limits::kMaxOutputBytes.
absl::Status CheckStringSize(size_t bytes);
// The error of using an undefined value.
absl::Status UndefinedError(const Value& value);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_
