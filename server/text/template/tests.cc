#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/iteration.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<bool>;
using TestTable = std::unordered_map<std::string, Test>;

template <bool (Value::*kIs)() const>
Result Is(Interpreter&, const Value& value, const Arguments&) {
  return (value.*kIs)();
}

// A test without arguments.
template <Test kTest>
Result Plain(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("test", arguments, {}).status());
  return kTest(interpreter, value, arguments);
}

template <Comparison kComparison>
Result Compares(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("test", arguments, {"other"}, 1));
  return Compare(interpreter, kComparison, value, bound.at(0));
}

Result IsDefined(Interpreter&, const Value& value, const Arguments&) { return !value.is_undefined(); }
Result IsBoolean(Interpreter&, const Value& value, const Arguments&) { return value.is_bool(); }
Result IsTrueValue(Interpreter&, const Value& value, const Arguments&) { return value.is_bool() && value.bool_value(); }
Result IsFalseValue(Interpreter&, const Value& value, const Arguments&) {
  return value.is_bool() && !value.bool_value();
}
// Undefined values can be called, and fail then.
Result IsCallableTest(Interpreter&, const Value& value, const Arguments&) {
  return IsCallable(value) || value.is_undefined();
}
Result IsIterableTest(Interpreter&, const Value& value, const Arguments&) { return IsIterable(value); }

// Whatever has len() and indexing: dicts too, and undefined values, as jinja2 finds.
Result IsSequence(Interpreter&, const Value& value, const Arguments&) {
  return value.is_string() || value.is_dict() || value.is_undefined() ||
         (value.is_list() && value.list().is_sequence());
}

Result IsIntegerTest(Interpreter&, const Value& value, const Arguments&) { return value.is_int() || value.is_big(); }
Result IsEscaped(Interpreter&, const Value& value, const Arguments&) { return value.is_markup(); }
Result IsUpperTest(Interpreter&, const Value& value, const Arguments&) { return IsUpperCased(ToString(value)); }
Result IsLowerTest(Interpreter&, const Value& value, const Arguments&) { return IsLowerCased(ToString(value)); }

Result Divides(const Value& value, const Value& divisor, int64_t remainder) {
  FOREGATE_ASSIGN_OR_RETURN(const Value rest, ApplyBinary(BinaryOperator::kModulo, value, divisor));
  return Equal(rest, Value::Int(remainder));
}

Result IsEven(Interpreter&, const Value& value, const Arguments&) { return Divides(value, Value::Int(2), 0); }
Result IsOdd(Interpreter&, const Value& value, const Arguments&) { return Divides(value, Value::Int(2), 1); }

Result IsDivisibleBy(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("divisibleby", arguments, {"num"}, 1));
  return Divides(value, bound.at(0), 0);
}

Result IsSameAs(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("sameas", arguments, {"other"}, 1));
  const Value& other = bound.at(0);
  if (value.is_integer() && other.is_integer()) return value.is_bool() == other.is_bool() && Equal(value, other);
  if (value.is_string() && other.is_string() && value.string() == other.string()) return true;
  if (value.address() != nullptr || other.address() != nullptr) return value.address() == other.address();
  return std::string_view(TypeName(value)) == TypeName(other) && Equal(value, other);
}

Result IsFilterName(Interpreter&, const Value& value, const Arguments&) {
  return value.is_string() && FindFilter(value.string()) != nullptr;
}

Result IsTestName(Interpreter&, const Value& value, const Arguments&) {
  return value.is_string() && FindTest(value.string()) != nullptr;
}

const TestTable& Tests() {
  static const auto* const table = new TestTable{
      {"defined", &Plain<&IsDefined>},
      {"undefined", &Plain<&Is<&Value::is_undefined>>},
      {"none", &Plain<&Is<&Value::is_none>>},
      {"boolean", &Plain<&IsBoolean>},
      {"true", &Plain<&IsTrueValue>},
      {"false", &Plain<&IsFalseValue>},
      {"integer", &Plain<&IsIntegerTest>},
      {"float", &Plain<&Is<&Value::is_float>>},
      {"number", &Plain<&Is<&Value::is_number>>},
      {"string", &Plain<&Is<&Value::is_string>>},
      {"mapping", &Plain<&Is<&Value::is_dict>>},
      {"iterable", &Plain<&IsIterableTest>},
      {"sequence", &Plain<&IsSequence>},
      {"callable", &Plain<&IsCallableTest>},
      {"upper", &Plain<&IsUpperTest>},
      {"lower", &Plain<&IsLowerTest>},
      {"escaped", &Plain<&IsEscaped>},
      {"even", &Plain<&IsEven>},
      {"odd", &Plain<&IsOdd>},
      {"divisibleby", &IsDivisibleBy},
      {"sameas", &IsSameAs},
      {"filter", &Plain<&IsFilterName>},
      {"test", &Plain<&IsTestName>},
      {"in", &Compares<Comparison::kIn>},
      {"eq", &Compares<Comparison::kEqual>},
      {"equalto", &Compares<Comparison::kEqual>},
      {"==", &Compares<Comparison::kEqual>},
      {"ne", &Compares<Comparison::kNotEqual>},
      {"!=", &Compares<Comparison::kNotEqual>},
      {"lt", &Compares<Comparison::kLess>},
      {"lessthan", &Compares<Comparison::kLess>},
      {"<", &Compares<Comparison::kLess>},
      {"le", &Compares<Comparison::kLessEqual>},
      {"<=", &Compares<Comparison::kLessEqual>},
      {"gt", &Compares<Comparison::kGreater>},
      {"greaterthan", &Compares<Comparison::kGreater>},
      {">", &Compares<Comparison::kGreater>},
      {"ge", &Compares<Comparison::kGreaterEqual>},
      {">=", &Compares<Comparison::kGreaterEqual>},
  };
  return *table;
}

}  // namespace

Test FindTest(const std::string& name) {
  const auto found = Tests().find(name);
  return found == Tests().end() ? nullptr : found->second;
}

}  // namespace foregate::jinja
