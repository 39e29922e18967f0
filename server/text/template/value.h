// The values of the template language, which are those of Python: None, bool, int, float, str, list, tuple, dict, and
// objects that can be called or asked for attributes. Values of one rendering belong to one thread.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/big_int.h"
#include "server/text/template/counted.h"

namespace foregate::jinja {

struct List;
class Dict;
class Object;

struct SharedString : Counted {
  explicit SharedString(std::string content) : text(std::move(content)) {}
  const std::string text;
};

struct SharedBigInt : Counted {
  explicit SharedBigInt(BigInt value) : integer(std::move(value)) {}
  const BigInt integer;
};

// Why a value is undefined: a whole message, or the type of an object without the attribute or item `name`. The message
// is made only when somebody asks, because templates ask for what is not there all the time.
struct UndefinedReason : Counted {
  std::string message;
  const char* object_type = nullptr;
  std::string name;
};

// A handle of 16 bytes; what it points to is immutable once made (but for namespaces, loops and generators).
class Value {
 public:
  Value() = default;  // None
  Value(const Value& other) : type_(other.type_), data_(other.data_) {
    if (is_counted()) data_.shared->Retain();
  }
  Value(Value&& other) noexcept : type_(std::exchange(other.type_, Type::kNone)), data_(other.data_) {}
  Value& operator=(Value other) noexcept {
    std::swap(type_, other.type_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Value() {
    if (is_counted() && data_.shared != nullptr) data_.shared->Release();  // it never is; gcc 12 cannot tell
  }

  static Value MakeUndefined(std::string message);
  // "'TYPE object' has no attribute 'NAME'"; `object_type` must live forever.
  static Value MakeUndefined(const char* object_type, std::string name);
  // A variable that was never set; no expression ever sees it.
  static Value Missing();
  static Value String(std::string text);
  // Text that counts as escaped: what is added to it is escaped first.
  static Value Markup(std::string text);
  // Chars of a literal would silently become a bool.
  static Value Bool(bool value);
  static Value Int(int64_t value);
  static Value Float(double value);
  // An int where it fits. The caller checks too_large().
  static Value Big(const BigInt& value);
  static Value Of(const Ref<List>& list);
  static Value Of(const Ref<Dict>& dict);
  static Value Of(const Ref<Object>& object);

  bool is_missing() const { return type_ == Type::kMissing; }
  bool is_undefined() const { return type_ == Type::kUndefined; }
  bool is_none() const { return type_ == Type::kNone; }
  bool is_bool() const { return type_ == Type::kBool; }
  bool is_int() const { return type_ == Type::kInt; }  // of 64 bits
  bool is_big() const { return type_ == Type::kBigInt; }
  bool is_integer() const { return is_int() || is_big() || is_bool(); }
  bool is_float() const { return type_ == Type::kFloat; }
  bool is_number() const { return is_integer() || is_float(); }
  bool is_string() const { return type_ == Type::kString || type_ == Type::kMarkup; }
  bool is_markup() const { return type_ == Type::kMarkup; }
  bool is_list() const { return type_ == Type::kList; }  // of any List::Kind
  bool is_tuple() const;
  bool is_list_or_tuple() const;
  bool is_dict() const { return type_ == Type::kDict; }
  bool is_object() const { return type_ == Type::kObject; }

  const std::string& string() const { return static_cast<const SharedString*>(data_.shared)->text; }
  const List& list() const;
  const Dict& dict() const;
  Object& object() const;
  bool bool_value() const { return data_.integer != 0; }
  int64_t int_value() const { return data_.integer; }  // of a bool or an int
  BigInt big_value() const;                            // of any integer
  double float_value() const;                          // of any number
  std::string undefined_message() const;
  // Identity, for `is sameas`; null for what has none.
  const void* address() const { return is_counted() ? data_.shared : nullptr; }

  // For constants, which threads share: see Counted.
  void Freeze() const {
    if (is_counted()) data_.shared->Freeze();
  }
  void Thaw() const {
    if (is_counted()) data_.shared->Thaw();
  }

 private:
  // Those that point to something shared come last.
  enum class Type : uint8_t {
    kMissing,
    kNone,
    kBool,
    kInt,
    kFloat,
    kUndefined,
    kBigInt,
    kString,
    kMarkup,
    kList,
    kDict,
    kObject,
  };
  union Data {
    int64_t integer = 0;
    double number;
    Counted* shared;
  };

  Value(Type type, Counted* shared) : type_(type) {
    data_.shared = shared;
    shared->Retain();
  }
  bool is_counted() const { return type_ >= Type::kUndefined; }

  Type type_ = Type::kNone;
  Data data_;
};

// Everything that holds values in order.
struct List : Counted {
  enum class Kind { kList, kTuple, kRange, kDictKeys, kDictValues, kDictItems };
  Kind kind = Kind::kList;
  std::vector<Value> items;
  int64_t range_start = 0, range_stop = 0, range_step = 1;  // of a range, which prints them
  bool is_group = false;                                    // a tuple (grouper, list) of groupby
  int depth = 1;
  size_t weight = 1;  // see Weight()

  // Whether Python would give it indexing.
  bool is_sequence() const { return kind == Kind::kList || kind == Kind::kTuple || kind == Kind::kRange; }
};

// Keys in order of insertion.
class Dict : public Counted {
 public:
  struct Entry {
    Value key;
    Value value;
  };

  void Reserve(size_t count) { entries_.reserve(count); }
  // Replaces the value of an equal key.
  void Set(Value key, Value value);
  const Value* Find(const Value& key) const;
  const Value* Find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  int depth() const { return depth_; }
  size_t weight() const { return weight_; }

 private:
  std::optional<size_t> IndexOf(const Value& key) const;
  std::optional<size_t> IndexOf(std::string_view key) const;

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

// Functions, macros, namespaces, loops, generators.
class Object : public Counted {
 public:
  // As type().__name__ of Python, for messages.
  virtual const char* TypeName() const = 0;
  virtual std::string Repr() const = 0;
  // The same to the end of `out`; `depth` counts what is being printed around it.
  virtual void AppendRepr(int, std::string* out) const { *out += Repr(); }
  // Nothing when it has no such attribute.
  virtual absl::StatusOr<std::optional<Value>> Attribute(Interpreter&, std::string_view) {
    return std::optional<Value>();
  }
  virtual bool callable() const { return false; }
  virtual absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments);
  // One that can be iterated gives its next item, or nothing at the end.
  virtual bool iterable() const { return false; }
  virtual absl::StatusOr<std::optional<Value>> Next(Interpreter&) { return std::optional<Value>(); }
  virtual std::optional<int64_t> length() { return std::nullopt; }
  // Breaks cycles of ownership at the end of a rendering.
  virtual void Clear() {}
  virtual int depth() const { return 0; }
};

// About the bytes that printing it takes, shared parts counted each time: what walking it costs. A list of two copies
// of a list of two copies ... is small in memory and endless to print, so the weight is limited where lists are made.
size_t Weight(const Value& value);
// The same without what is inside of lists and dicts: what making or scanning it costs.
size_t ShallowWeight(const Value& value);

// How deeply it nests, and INVALID_ARGUMENT for more than Limits::kMaxValueDepth.
int DepthOf(const Value& value);
absl::Status CheckDepth(int depth);

// INVALID_ARGUMENT when values would nest deeper than Limits::kMaxValueDepth or weigh more than kMaxValueWeight.
absl::StatusOr<Value> MakeList(std::vector<Value> items, List::Kind kind = List::Kind::kList);
absl::StatusOr<Value> MakeTuple(std::vector<Value> items);
absl::StatusOr<Value> MakeDict(Dict dict);
absl::StatusOr<Value> FromJson(const nlohmann::ordered_json& json);

// "str", "list", "dict": Python's names, for messages.
const char* TypeName(const Value& value);
bool IsTrue(const Value& value);
bool IsCallable(const Value& value);
// Whether Python could use it as a key.
bool IsHashable(const Value& value);
// Python's ==, which never fails.
bool Equal(const Value& a, const Value& b);
// Python's <; INVALID_ARGUMENT for types without an order.
absl::StatusOr<bool> Less(const Value& a, const Value& b);
absl::StatusOr<int64_t> Length(const Value& value);

absl::Status TypeError(std::string message);
// INVALID_ARGUMENT above Limits::kMaxOutputBytes.
absl::Status CheckStringSize(size_t bytes);
// The error of using an undefined value.
absl::Status UndefinedError(const Value& value);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_VALUE_H_
