#include "server/text/template/operators.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/compare.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/limits.h"
#include "server/text/template/markup.h"
#include "server/text/template/percent_format.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

absl::Status Unsupported(const char* symbol, const Value& a, const Value& b) {
  if (a.is_undefined()) return UndefinedError(a);
  if (b.is_undefined()) return UndefinedError(b);
  return TypeError("unsupported operand type(s) for " + std::string(symbol) + ": '" + TypeName(a) + "' and '" +
                   TypeName(b) + "'");
}

Result Repeat(const Value& value, int64_t count) {
  const auto times = static_cast<size_t>(std::max<int64_t>(count, 0));
  const size_t size = std::max<size_t>(Weight(value), 1);
  if (times > Limits::kMaxOutputBytes / size) {
    return absl::InvalidArgumentError("a repetition exceeds " + std::to_string(Limits::kMaxOutputBytes) + " bytes");
  }
  if (value.is_string()) {
    std::string out;
    out.reserve(times * value.string().size());
    for (size_t i = 0; i < times; ++i) out += value.string();
    return value.is_markup() ? Value::Markup(std::move(out)) : Value::String(std::move(out));
  }
  std::vector<Value> items;
  for (size_t i = 0; i < times; ++i) {
    items.insert(items.end(), value.list().items.begin(), value.list().items.end());
  }
  return MakeList(std::move(items), value.list().kind);
}

Result Add(const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(a.string().size() + b.string().size()));
    if (a.is_markup() || b.is_markup()) return Value::Markup(EscapedText(a) + EscapedText(b));
    std::string sum;
    sum.reserve(a.string().size() + b.string().size());
    return Value::String(std::move(sum.append(a.string()).append(b.string())));
  }
  if (a.is_list_or_tuple() && b.is_list_or_tuple() && a.list().kind == b.list().kind) {
    std::vector<Value> items;
    items.reserve(a.list().items.size() + b.list().items.size());
    items.insert(items.end(), a.list().items.begin(), a.list().items.end());
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    return MakeList(std::move(items), a.list().kind);
  }
  if (a.is_string() && !b.is_undefined()) {
    return TypeError("can only concatenate str (not \"" + std::string(TypeName(b)) + "\") to str");
  }
  return Unsupported("+", a, b);
}

Result Multiply(const Value& a, const Value& b) {
  const auto repeats = [](const Value& sequence, const Value& count) {
    return (sequence.is_string() || sequence.is_list_or_tuple()) && count.is_integer();
  };
  const Value* sequence = repeats(a, b) ? &a : repeats(b, a) ? &b : nullptr;
  if (sequence == nullptr) return Unsupported("*", a, b);
  const Value& count = sequence == &a ? b : a;
  if (!count.is_big()) return Repeat(*sequence, count.int_value());
  return TypeError("cannot fit 'int' into an index-sized integer");
}

absl::StatusOr<bool> Contains(Interpreter& interpreter, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      return TypeError("'in <string>' requires string as left operand, not " + std::string(TypeName(item)));
    }
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(container.string().size()));
    return container.string().find(item.string()) != std::string::npos;
  }
  if (container.is_dict()) {
    if (!IsHashable(item)) return TypeError("unhashable type: '" + std::string(TypeName(item)) + "'");
    return container.dict().Find(item) != nullptr;
  }
  if (container.is_list()) {
    FOREGATE_RETURN_IF_ERROR(
        interpreter.Charge(std::min(Weight(container), Weight(item) * container.list().items.size())));
    const auto& items = container.list().items;
    if (container.list().kind == List::Kind::kDictKeys && !IsHashable(item)) {
      return TypeError("unhashable type: '" + std::string(TypeName(item)) + "'");
    }
    return std::any_of(items.begin(), items.end(), [&](const Value& other) { return Equal(other, item); });
  }
  if (!IsIterable(container)) {
    return TypeError("argument of type '" + std::string(TypeName(container)) + "' is not iterable");
  }
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(container));
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> other, iterator.Next(interpreter));
    if (!other.has_value()) return false;
    if (Equal(*other, item)) return true;
  }
}

absl::StatusOr<bool> IsOrdered(Comparison comparison, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const auto order = CompareNumbers(a, b);
    if (!order.has_value()) return false;
    return comparison == Comparison::kLess        ? *order < 0
           : comparison == Comparison::kLessEqual ? *order <= 0
           : comparison == Comparison::kGreater   ? *order > 0
                                                  : *order >= 0;
  }
  const bool swapped = comparison == Comparison::kGreater || comparison == Comparison::kLessEqual;
  FOREGATE_ASSIGN_OR_RETURN(const bool less, swapped ? Less(b, a) : Less(a, b));
  return less == (comparison == Comparison::kLess || comparison == Comparison::kGreater);
}

}  // namespace

Result ApplyBinary(BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return Calculate(op, a, b);
  switch (op) {
    case BinaryOperator::kAdd:
      return Add(a, b);
    case BinaryOperator::kMultiply:
      return Multiply(a, b);
    case BinaryOperator::kModulo:
      if (a.is_string()) return PercentFormat(a, b);
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

Result Negate(const Value& value) {
  if (value.is_float()) return Value::Float(-value.float_value());
  if (value.is_number()) return Value::Big(-value.big_value());
  if (value.is_undefined()) return UndefinedError(value);
  return TypeError("bad operand type for unary -: '" + std::string(TypeName(value)) + "'");
}

Result Positive(const Value& value) {
  if (value.is_bool()) return Value::Int(value.int_value());
  if (value.is_number()) return value;
  if (value.is_undefined()) return UndefinedError(value);
  return TypeError("bad operand type for unary +: '" + std::string(TypeName(value)) + "'");
}

absl::StatusOr<bool> Compare(Interpreter& interpreter, Comparison comparison, const Value& a, const Value& b) {
  if (comparison == Comparison::kIn) return Contains(interpreter, b, a);
  if (comparison == Comparison::kNotIn) {
    FOREGATE_ASSIGN_OR_RETURN(const bool contains, Contains(interpreter, b, a));
    return !contains;
  }
  FOREGATE_RETURN_IF_ERROR(interpreter.Charge(std::min(Weight(a), Weight(b))));
  if (comparison == Comparison::kEqual) return Equal(a, b);
  if (comparison == Comparison::kNotEqual) return !Equal(a, b);
  return IsOrdered(comparison, a, b);
}

}  // namespace foregate::jinja
