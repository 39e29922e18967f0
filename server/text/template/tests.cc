#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<bool>;
using TestTable = std::unordered_map<std::string, Test>;

template <bool (Value::*kIs)() const>
Result Is(const Value& value, const Arguments&) {
  return (value.*kIs)();
}

template <Comparison kComparison>
Result Compares(const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("test", arguments, {"other"}, 1));
  return Compare(kComparison, value, bound.at(0));
}

Result IsDefined(const Value& value, const Arguments&) { return !value.is_undefined(); }
Result IsBoolean(const Value& value, const Arguments&) { return value.is_bool(); }
Result IsTrueValue(const Value& value, const Arguments&) { return value.is_bool() && value.bool_value(); }
Result IsFalseValue(const Value& value, const Arguments&) { return value.is_bool() && !value.bool_value(); }
Result IsCallableTest(const Value& value, const Arguments&) { return IsCallable(value); }
Result IsIterable(const Value& value, const Arguments&) { return Iterate(value).ok(); }

// Whatever has len() and indexing: dicts too, and undefined values, as jinja2 finds.
Result IsSequence(const Value& value, const Arguments&) {
  return value.is_string() || value.is_dict() || value.is_undefined() ||
         (value.is_list() && value.list().is_sequence());
}

Result IsUpperTest(const Value& value, const Arguments&) { return IsUpperCased(ToString(value)); }
Result IsLowerTest(const Value& value, const Arguments&) { return IsLowerCased(ToString(value)); }

Result Divides(const Value& value, const Value& divisor, int64_t remainder) {
  FOREGATE_ASSIGN_OR_RETURN(const Value rest, ApplyBinary(BinaryOperator::kModulo, value, divisor));
  return Equal(rest, Value::Int(remainder));
}

Result IsEven(const Value& value, const Arguments&) { return Divides(value, Value::Int(2), 0); }
Result IsOdd(const Value& value, const Arguments&) { return Divides(value, Value::Int(2), 1); }

Result IsDivisibleBy(const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("divisibleby", arguments, {"num"}, 1));
  return Divides(value, bound.at(0), 0);
}

Result IsSameAs(const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("sameas", arguments, {"other"}, 1));
  const Value& other = bound.at(0);
  if (value.address() != nullptr || other.address() != nullptr) return value.address() == other.address();
  return TypeName(value) == TypeName(other) && Equal(value, other);
}

Result IsFilterName(const Value& value, const Arguments&) {
  return value.is_string() && FindFilter(value.string()) != nullptr;
}

Result IsTestName(const Value& value, const Arguments&) {
  return value.is_string() && FindTest(value.string()) != nullptr;
}

const TestTable& Tests() {
  static const auto* const table = new TestTable{
      {"defined", &IsDefined},
      {"undefined", &Is<&Value::is_undefined>},
      {"none", &Is<&Value::is_none>},
      {"boolean", &IsBoolean},
      {"true", &IsTrueValue},
      {"false", &IsFalseValue},
      {"integer", &Is<&Value::is_int>},
      {"float", &Is<&Value::is_float>},
      {"number", &Is<&Value::is_number>},
      {"string", &Is<&Value::is_string>},
      {"mapping", &Is<&Value::is_dict>},
      {"iterable", &IsIterable},
      {"sequence", &IsSequence},
      {"callable", &IsCallableTest},
      {"upper", &IsUpperTest},
      {"lower", &IsLowerTest},
      {"even", &IsEven},
      {"odd", &IsOdd},
      {"divisibleby", &IsDivisibleBy},
      {"sameas", &IsSameAs},
      {"filter", &IsFilterName},
      {"test", &IsTestName},
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
