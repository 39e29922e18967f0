#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/arguments.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/methods.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

// Methods of list, tuple, range, dict, int and float.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result ListIndex(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::BindPositional("index", arguments, {"value", "start", "stop"}, 1));
  const auto& items = self.list().items;
  const bool is_range = self.list().kind == List::Kind::kRange;
  if (is_range && (bound.has(1) || bound.has(2))) return TypeError("range.index() takes exactly one argument");
  for (size_t i = 1; i < 3; ++i) {
    if (bound.has(i) && !bound.at(i).is_integer()) return TypeError("slice indices must be integers");
  }
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(std::min(Weight(self), Weight(bound.at(0)) * items.size())));
  FOREGATE_ASSIGN_OR_RETURN(
      const auto bounds, SliceBounds(static_cast<int64_t>(items.size()), bound.Get(1, Value()), bound.Get(2, Value())));
  for (int64_t i = bounds.first; i < bounds.second; ++i) {
    if (Equal(items[static_cast<size_t>(i)], bound.at(0))) return Value::Int(i);
  }
  return absl::InvalidArgumentError(Repr(bound.at(0)) + " is not in the list");
}

Result ListCount(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("count", arguments, {"value"}, 1));
  const auto& items = self.list().items;
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(std::min(Weight(self), Weight(bound.at(0)) * items.size())));
  return Value::Int(std::count_if(items.begin(), items.end(), [&](const Value& v) { return Equal(v, bound.at(0)); }));
}

// A value never changes, so that it is its own copy.
Result Copy(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("copy", arguments, {}).status());
  return self;
}

absl::Status Unhashable(const Value& key) { return TypeError("unhashable type: '" + std::string(TypeName(key)) + "'"); }

Result DictGet(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("get", arguments, {"key", "default"}, 1));
  if (!IsHashable(bound.at(0))) return Unhashable(bound.at(0));
  const Value* value = self.dict().Find(bound.at(0));
  return value != nullptr ? *value : bound.Get(1, Value());
}

template <List::Kind kKind>
Result DictView(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("items", arguments, {}).status());
  std::vector<Value> items;
  items.reserve(self.dict().entries().size());
  for (const auto& [key, value] : self.dict().entries()) {
    if (kKind == List::Kind::kDictKeys) items.push_back(key);
    if (kKind == List::Kind::kDictValues) items.push_back(value);
    if (kKind == List::Kind::kDictItems) {
      FOREGATE_ASSIGN_OR_RETURN(items.emplace_back(), MakeTuple({key, value}));
    }
  }
  return MakeList(std::move(items), kKind);
}

Result FromKeys(Interpreter& interpreter, const Value&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("fromkeys", arguments, {"iterable", "value"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> keys, Iterate(interpreter, bound.at(0)));
  Dict dict;
  for (const Value& key : keys) {
    if (!IsHashable(key)) return Unhashable(key);
    dict.Set(key, bound.Get(1, Value()));
  }
  return MakeDict(std::move(dict));
}

Result IsDisjoint(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("isdisjoint", arguments, {"other"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> others, Iterate(interpreter, bound.at(0)));
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(others.size() * self.list().items.size()));
  for (const Value& item : self.list().items) {
    if (std::ranges::any_of(others, [&](const Value& other) { return Equal(item, other); })) return Value::Bool(false);
  }
  return Value::Bool(true);
}

Result BitLength(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("bit_length", arguments, {}).status());
  return Value::Int(static_cast<int64_t>(self.big_value().num_bits()));
}

Result BitCount(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("bit_count", arguments, {}).status());
  const std::string bits = self.big_value().ToString(2);
  return Value::Int(std::count(bits.begin(), bits.end(), '1'));
}

Result IntegerItself(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("conjugate", arguments, {}).status());
  return self.is_bool() ? Value::Int(self.int_value()) : self;
}

Result IntegerRatio(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("as_integer_ratio", arguments, {}).status());
  return MakeTuple({self.is_bool() ? Value::Int(self.int_value()) : self, Value::Int(1)});
}

Result FloatIsInteger(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("is_integer", arguments, {}).status());
  const double value = self.float_value();
  return Value::Bool(std::isfinite(value) && value == std::floor(value));
}

// As C's %a, but with a whole 1 and all 13 digits.
Result FloatHex(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("hex", arguments, {}).status());
  const double value = self.float_value();
  if (!std::isfinite(value)) return Value::String(ReprFloat(value));
  if (value == 0) return Value::String(std::signbit(value) ? "-0x0.0p+0" : "0x0.0p+0");
  char buffer[40];
  std::snprintf(buffer, sizeof(buffer), "%.13a", value);
  return Value::String(buffer);
}

Result FloatRatio(Interpreter&, const Value& self, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::BindPositional("as_integer_ratio", arguments, {}).status());
  if (!std::isfinite(self.float_value())) return TypeError("cannot convert infinity or NaN to integer ratio");
  int exponent = 0;
  double fraction = std::frexp(self.float_value(), &exponent);
  for (; fraction != std::floor(fraction); --exponent) fraction *= 2;
  const auto power = BigInt::Power(BigInt(2), static_cast<uint64_t>(std::abs(exponent)));
  const BigInt numerator = BigInt::FromDouble(fraction);
  return exponent >= 0 ? MakeTuple({Value::Big(numerator * *power), Value::Int(1)})
                       : MakeTuple({Value::Big(numerator), Value::Big(*power)});
}

Result RealPart(Interpreter&, const Value& self, const Arguments&) {
  return self.is_bool() ? Value::Int(self.int_value()) : self;
}

Result ImaginaryPart(Interpreter&, const Value& self, const Arguments&) {
  return self.is_float() ? Value::Float(0) : Value::Int(0);
}

Result Denominator(Interpreter&, const Value&, const Arguments&) { return Value::Int(1); }

template <int64_t List::*kPart>
Result RangePart(Interpreter&, const Value& self, const Arguments&) {
  return Value::Int(self.list().*kPart);
}

}  // namespace

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
      {"fromkeys", &FromKeys},
  };
  return *table;
}

const MethodTable& IntegerMethods() {
  static const auto* const table = new MethodTable{{"bit_length", &BitLength},
                                                   {"bit_count", &BitCount},
                                                   {"conjugate", &IntegerItself},
                                                   {"as_integer_ratio", &IntegerRatio}};
  return *table;
}

const MethodTable& FloatMethods() {
  static const auto* const table = new MethodTable{{"is_integer", &FloatIsInteger},
                                                   {"hex", &FloatHex},
                                                   {"conjugate", &IntegerItself},
                                                   {"as_integer_ratio", &FloatRatio}};
  return *table;
}

const MethodTable& NumberProperties() {
  static const auto* const table = new MethodTable{
      {"real", &RealPart}, {"imag", &ImaginaryPart}, {"numerator", &RealPart}, {"denominator", &Denominator}};
  return *table;
}

const MethodTable& RangeProperties() {
  static const auto* const table = new MethodTable{{"start", &RangePart<&List::range_start>},
                                                   {"stop", &RangePart<&List::range_stop>},
                                                   {"step", &RangePart<&List::range_step>}};
  return *table;
}

const MethodTable& ViewMethods() {
  static const auto* const table = new MethodTable{{"isdisjoint", &IsDisjoint}};
  return *table;
}

}  // namespace foregate::jinja
