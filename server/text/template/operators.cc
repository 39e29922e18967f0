#include "server/text/template/operators.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"
#include "server/text/template/methods.h"
#include "server/text/template/percent_format.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

absl::Status Overflow() { return absl::InvalidArgumentError("integer beyond 64 bits"); }

absl::Status DivisionByZero() { return absl::InvalidArgumentError("division by zero"); }

absl::Status Unsupported(std::string_view symbol, const Value& a, const Value& b) {
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  return TypeError("unsupported operand type(s) for " + std::string(symbol) + ": '" + TypeName(a) + "' and '" +
                   TypeName(b) + "'");
}

absl::StatusOr<Value> IntegerPower(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return Overflow();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return Overflow();
  }
  return Value::Int(result);
}

int64_t FloorDivide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

double FloatModulo(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  return remainder;
}

absl::StatusOr<Value> IntegerArithmetic(BinaryOperator op, int64_t a, int64_t b) {
  const bool divides =
      op == BinaryOperator::kDivide || op == BinaryOperator::kFloorDivide || op == BinaryOperator::kModulo;
  if (divides && b == 0) return DivisionByZero();
  if (divides && b == -1 && a == INT64_MIN) return Overflow();
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case BinaryOperator::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case BinaryOperator::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case BinaryOperator::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case BinaryOperator::kDivide:
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::kFloorDivide:
      result = FloorDivide(a, b);
      break;
    case BinaryOperator::kModulo:
      result = a - FloorDivide(a, b) * b;
      break;
    case BinaryOperator::kPower:
      if (b < 0 && a == 0) return DivisionByZero();
      if (b < 0) return Value::Float(std::pow(static_cast<double>(a), static_cast<double>(b)));
      return IntegerPower(a, b);
  }
  if (overflow) return Overflow();
  return Value::Int(result);
}

absl::StatusOr<Value> FloatArithmetic(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(a + b);
    case BinaryOperator::kSubtract:
      return Value::Float(a - b);
    case BinaryOperator::kMultiply:
      return Value::Float(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) return DivisionByZero();
      return Value::Float(a / b);
    case BinaryOperator::kFloorDivide:
      if (b == 0) return DivisionByZero();
      return Value::Float(std::floor((a - FloatModulo(a, b)) / b + 0.5));
    case BinaryOperator::kModulo:
      if (b == 0) return DivisionByZero();
      return Value::Float(FloatModulo(a, b));
    case BinaryOperator::kPower:
      if (a == 0 && b < 0) return DivisionByZero();
      if (a < 0 && b != std::floor(b)) return absl::InvalidArgumentError("complex numbers are not supported");
      return Value::Float(std::pow(a, b));
  }
  return Value();
}

bool IsListOrTuple(const Value& value) {
  return value.is_list() && (value.list().kind == List::Kind::kList || value.list().kind == List::Kind::kTuple);
}

absl::StatusOr<Value> Repeat(const Value& value, int64_t count) {
  const auto times = static_cast<size_t>(std::max<int64_t>(count, 0));
  const size_t size = std::max<size_t>(Weight(value), 1);
  if (times > Limits::kMaxOutputBytes / size) {
    return absl::InvalidArgumentError("a repetition exceeds " + std::to_string(Limits::kMaxOutputBytes) + " bytes");
  }
  if (value.is_string()) {
    std::string out;
    for (size_t i = 0; i < times; ++i) out += value.string();
    return Value::String(std::move(out));
  }
  std::vector<Value> items;
  for (size_t i = 0; i < times; ++i) {
    items.insert(items.end(), value.list().items.begin(), value.list().items.end());
  }
  return MakeList(std::move(items), value.list().kind);
}

absl::StatusOr<Value> Add(const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    if (a.string().size() + b.string().size() > Limits::kMaxOutputBytes) {
      return absl::InvalidArgumentError("a string exceeds " + std::to_string(Limits::kMaxOutputBytes) + " bytes");
    }
    return Value::String(a.string() + b.string());
  }
  if (IsListOrTuple(a) && IsListOrTuple(b) && a.list().kind == b.list().kind) {
    std::vector<Value> items = a.list().items;
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    return MakeList(std::move(items), a.list().kind);
  }
  if (a.is_string() && !b.is_undefined()) {
    return TypeError("can only concatenate str (not \"" + TypeName(b) + "\") to str");
  }
  return Unsupported("+", a, b);
}

Value UndefinedItem(const Value& object, const Value& index) {
  const std::string shown = index.is_string() ? "attribute '" + index.string() + "'" : "that item";
  return Value::MakeUndefined("'" + TypeName(object) + " object' has no " + shown);
}

absl::StatusOr<std::optional<Value>> FindMember(const Value& object, const std::string& name) {
  if (object.is_object()) return object.object()->Attribute(name);
  return BindMethod(object, name);
}

}  // namespace

absl::StatusOr<Value> ApplyBinary(BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return FloatArithmetic(op, a.float_value(), b.float_value());
    return IntegerArithmetic(op, a.int_value(), b.int_value());
  }
  const auto repeats = [](const Value& sequence, const Value& count) {
    return (sequence.is_string() || IsListOrTuple(sequence)) && (count.is_int() || count.is_bool());
  };
  switch (op) {
    case BinaryOperator::kAdd:
      return Add(a, b);
    case BinaryOperator::kMultiply:
      if (repeats(a, b)) return Repeat(a, b.int_value());
      if (repeats(b, a)) return Repeat(b, a.int_value());
      return Unsupported("*", a, b);
    case BinaryOperator::kModulo:
      if (a.is_string() && !b.is_undefined()) return PercentFormat(a.string(), b);
      return Unsupported("%", a, b);
    case BinaryOperator::kSubtract:
      return Unsupported("-", a, b);
    case BinaryOperator::kDivide:
      return Unsupported("/", a, b);
    case BinaryOperator::kFloorDivide:
      return Unsupported("//", a, b);
    case BinaryOperator::kPower:
      return Unsupported("**", a, b);
  }
  return Value();
}

absl::StatusOr<Value> Negate(const Value& value) {
  if (value.is_float()) return Value::Float(-value.float_value());
  if (value.is_number()) {
    if (value.int_value() == INT64_MIN) return Overflow();
    return Value::Int(-value.int_value());
  }
  if (value.is_undefined()) return UndefinedError(value);
  return TypeError("bad operand type for unary -: '" + TypeName(value) + "'");
}

absl::StatusOr<bool> Compare(Comparison comparison, const Value& a, const Value& b) {
  const bool unordered = (a.is_float() && std::isnan(a.float_value())) || (b.is_float() && std::isnan(b.float_value()));
  switch (comparison) {
    case Comparison::kEqual:
      return Equal(a, b);
    case Comparison::kNotEqual:
      return !Equal(a, b);
    case Comparison::kLess:
      return Less(a, b);
    case Comparison::kGreater:
      return Less(b, a);
    case Comparison::kLessEqual: {
      FOREGATE_ASSIGN_OR_RETURN(const bool greater, Less(b, a));
      return !greater && !unordered;
    }
    case Comparison::kGreaterEqual: {
      FOREGATE_ASSIGN_OR_RETURN(const bool less, Less(a, b));
      return !less && !unordered;
    }
    case Comparison::kIn:
      return Contains(b, a);
    case Comparison::kNotIn: {
      FOREGATE_ASSIGN_OR_RETURN(const bool contains, Contains(b, a));
      return !contains;
    }
  }
  return false;
}

absl::StatusOr<bool> Contains(const Value& container, const Value& item) {
  if (container.is_string()) {
    if (item.is_string()) return container.string().find(item.string()) != std::string::npos;
    return TypeError("'in <string>' requires string as left operand, not " + TypeName(item));
  }
  if (container.is_dict()) {
    if (item.is_list() || item.is_dict()) return TypeError("unhashable type: '" + TypeName(item) + "'");
    return container.dict().Find(item) != nullptr;
  }
  if (container.is_list()) {
    const auto& items = container.list().items;
    return std::any_of(items.begin(), items.end(), [&](const Value& other) { return Equal(other, item); });
  }
  if (container.is_undefined()) return false;
  return TypeError("argument of type '" + TypeName(container) + "' is not iterable");
}

absl::StatusOr<Value> GetAttribute(const Value& object, const std::string& name) {
  if (object.is_undefined()) return UndefinedError(object);
  FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> member, FindMember(object, name));
  if (member.has_value()) return *std::move(member);
  if (object.is_dict()) {
    if (const Value* value = object.dict().Find(std::string_view(name)); value != nullptr) return *value;
  }
  return UndefinedItem(object, Value::String(name));
}

absl::StatusOr<Value> GetItem(const Value& object, const Value& index) {
  if (object.is_undefined()) return UndefinedError(object);
  if (object.is_dict()) {
    if (const Value* value = object.dict().Find(index); value != nullptr) return *value;
  }
  const bool is_index = index.is_int() || index.is_bool();
  const bool is_sequence = object.is_string() || (object.is_list() && object.list().is_sequence());
  if (is_index && is_sequence) {
    FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(object));
    const int64_t at = index.int_value() < 0 ? index.int_value() + length : index.int_value();
    if (at < 0 || at >= length) return UndefinedItem(object, index);
    if (object.is_list()) return object.list().items[static_cast<size_t>(at)];
    const size_t begin = ByteOffset(object.string(), static_cast<size_t>(at));
    return Value::String(object.string().substr(begin, Utf8Length(object.string()[begin])));
  }
  if (index.is_string()) {
    FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> member, FindMember(object, index.string()));
    if (member.has_value()) return *std::move(member);
  }
  return UndefinedItem(object, index);
}

absl::StatusOr<std::vector<int64_t>> SliceIndices(int64_t length, const Value& start, const Value& stop,
                                                  const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (bound->is_undefined()) return UndefinedError(*bound);
    if (!bound->is_none() && !bound->is_int() && !bound->is_bool()) {
      return TypeError("slice indices must be integers or None");
    }
  }
  const int64_t stride = step.is_none() ? 1 : step.int_value();
  if (stride == 0) return absl::InvalidArgumentError("slice step cannot be zero");
  const int64_t lowest = stride < 0 ? -1 : 0;
  const int64_t highest = stride < 0 ? length - 1 : length;
  const auto resolve = [&](const Value& bound, int64_t absent) {
    if (bound.is_none()) return absent;
    const int64_t at = bound.int_value() < 0 ? std::max(bound.int_value(), -length - 1) + length : bound.int_value();
    return std::clamp(at, lowest, highest);
  };
  const int64_t begin = resolve(start, stride < 0 ? highest : lowest);
  const int64_t end = resolve(stop, stride < 0 ? lowest : highest);
  std::vector<int64_t> indices;
  for (int64_t i = begin; stride < 0 ? i > end : i < end;) {
    indices.push_back(i);
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return indices;
}

absl::StatusOr<Value> GetSlice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) return UndefinedError(object);
  if (!object.is_string() && !(object.is_list() && object.list().is_sequence())) {
    return Value::MakeUndefined("'" + TypeName(object) + " object' cannot be sliced");
  }
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(object));
  const auto indices = SliceIndices(length, start, stop, step);
  // jinja2 asks the object and takes every TypeError for "no such item"; only a zero step is a ValueError.
  if (!indices.ok()) {
    if (step.is_int() && step.int_value() == 0) return indices.status();
    return Value::MakeUndefined(std::string(indices.status().message()));
  }
  if (object.is_list()) {
    std::vector<Value> items;
    for (const int64_t i : *indices) items.push_back(object.list().items[static_cast<size_t>(i)]);
    return MakeList(std::move(items),
                    object.list().kind == List::Kind::kTuple ? List::Kind::kTuple : List::Kind::kList);
  }
  const std::string& text = object.string();
  if (indices->empty()) return Value::String("");
  if (step.is_none() || step.int_value() == 1) {
    const size_t begin = ByteOffset(text, static_cast<size_t>(indices->front()));
    return Value::String(text.substr(begin, ByteOffset(std::string_view(text).substr(begin), indices->size())));
  }
  std::vector<std::string_view> characters;
  for (size_t i = 0; i < text.size(); i += Utf8Length(text[i])) {
    characters.push_back(std::string_view(text).substr(i, Utf8Length(text[i])));
  }
  std::string out;
  for (const int64_t i : *indices) out += characters[static_cast<size_t>(i)];
  return Value::String(std::move(out));
}

}  // namespace foregate::jinja
