// The interpreter's expressions.
#include <algorithm>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/builtins.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/limits.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"

namespace foregate::jinja {

using Kind = Expression::Kind;
using Result = absl::StatusOr<Value>;

Result Interpreter::Call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) return UndefinedError(callee);
  if (!IsCallable(callee)) return TypeError("'" + std::string(TypeName(callee)) + "' object is not callable");
  const Ref<Object> kept(&callee.object());
  return kept->Call(*this, std::move(arguments));
}

Result Interpreter::Evaluate(const Expression& expression) {
  if (expression.kind == Kind::kConstant) return expression.constant.value();
  if (expression.kind == Kind::kName) {
    const Value& value = At(expression.slot);
    return value.is_missing() ? expression.constant.value() : value;
  }
  absl::Status status = Step();
  if (++depth_ > Limits::kMaxRunDepth) status = absl::InvalidArgumentError("the template recurses too deeply");
  Result value = status.ok() ? EvaluateKind(expression) : Result(std::move(status));
  --depth_;
  if (!value.ok()) NotePlace(expression.place);
  return value;
}

Result Interpreter::EvaluateKind(const Expression& expression) {
  switch (expression.kind) {
    case Kind::kConstant:
    case Kind::kName:
      break;  // done by Evaluate()
    case Kind::kList:
    case Kind::kTuple:
      return EvaluateSequence(expression);
    case Kind::kDict:
      return EvaluateDict(expression);
    case Kind::kCondition:
      return EvaluateCondition(expression);
    case Kind::kAnd:
    case Kind::kOr:
      return EvaluateLogical(expression);
    case Kind::kNot:
    case Kind::kNegate:
    case Kind::kPositive:
      return EvaluateUnary(expression);
    case Kind::kBinary:
      return EvaluateBinary(expression);
    case Kind::kConcat:
      return EvaluateConcat(expression);
    case Kind::kCompare:
      return EvaluateCompare(expression);
    case Kind::kAttribute:
    case Kind::kItem:
    case Kind::kSlice:
      return EvaluateAccess(expression);
    case Kind::kCall:
      return EvaluateCall(expression, nullptr);
    case Kind::kFilter:
      return EvaluateFilter(expression);
    case Kind::kTest:
      return EvaluateTest(expression);
  }
  return Value();
}

Result Interpreter::EvaluateSequence(const Expression& expression) {
  std::vector<Value> items;
  items.reserve(expression.operands.size());
  for (const auto& operand : expression.operands) {
    FOREGATE_ASSIGN_OR_RETURN(items.emplace_back(), Evaluate(*operand));
  }
  return MakeList(std::move(items), expression.kind == Kind::kTuple ? List::Kind::kTuple : List::Kind::kList);
}

Result Interpreter::EvaluateDict(const Expression& expression) {
  Dict dict;
  for (size_t i = 0; i < expression.operands.size(); i += 2) {
    FOREGATE_ASSIGN_OR_RETURN(Value key, Evaluate(*expression.operands[i]));
    FOREGATE_ASSIGN_OR_RETURN(Value value, Evaluate(*expression.operands[i + 1]));
    if (!IsHashable(key)) return TypeError("unhashable type: '" + std::string(TypeName(key)) + "'");
    dict.Set(std::move(key), std::move(value));
  }
  return MakeDict(std::move(dict));
}

Result Interpreter::EvaluateCondition(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(const Value test, Evaluate(*expression.operands[0]));
  if (IsTrue(test)) return Evaluate(*expression.operands[1]);
  if (expression.operands[2] != nullptr) return Evaluate(*expression.operands[2]);
  return Value::MakeUndefined("the inline if-expression evaluated to false and no else section was defined.");
}

Result Interpreter::EvaluateLogical(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0]));
  if (IsTrue(left) == (expression.kind == Kind::kOr)) return left;
  return Evaluate(*expression.operands[1]);
}

Result Interpreter::EvaluateUnary(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(const Value operand, Evaluate(*expression.operands[0]));
  if (expression.kind == Kind::kNot) return Value::Bool(!IsTrue(operand));
  return expression.kind == Kind::kNegate ? Negate(operand) : Positive(operand);
}

Result Interpreter::EvaluateBinary(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(const Value left, Evaluate(*expression.operands[0]));
  FOREGATE_ASSIGN_OR_RETURN(const Value right, Evaluate(*expression.operands[1]));
  FOREGATE_ASSIGN_OR_RETURN(Value result, ApplyBinary(expression.binary, left, right));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateConcat(const Expression& expression) {
  std::string text;
  for (const auto& operand : expression.operands) {
    FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*operand));
    if (value.is_string()) {
      text += value.string();
    } else {
      text += ToString(value);
    }
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size()));
  }
  FOREGATE_RETURN_IF_ERROR(Charge(text.size()));
  return Value::String(std::move(text));
}

Result Interpreter::EvaluateCompare(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0]));
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(Value right, Evaluate(*expression.operands[i + 1]));
    FOREGATE_ASSIGN_OR_RETURN(const bool holds, Compare(*this, expression.comparisons[i], left, right));
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Result Interpreter::EvaluateOptional(const Expression* expression) {
  return expression == nullptr ? Value() : Evaluate(*expression);
}

Result Interpreter::EvaluateAccess(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(const Value object, Evaluate(*expression.operands[0]));
  if (expression.kind == Kind::kAttribute) return GetAttribute(*this, object, expression.name, expression.members);
  FOREGATE_ASSIGN_OR_RETURN(const Value first, EvaluateOptional(expression.operands[1].get()));
  if (expression.kind == Kind::kItem) {
    if (object.is_string()) FOREGATE_RETURN_IF_ERROR(Charge(object.string().size()));
    return GetItem(*this, object, first);
  }
  FOREGATE_ASSIGN_OR_RETURN(const Value stop, EvaluateOptional(expression.operands[2].get()));
  FOREGATE_ASSIGN_OR_RETURN(const Value step, EvaluateOptional(expression.operands[3].get()));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(object)));
  return GetSlice(object, first, stop, step);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(const Expression& expression) {
  Arguments arguments;
  if (expression.operands.size() > 1) arguments.positional.reserve(expression.operands.size() - 1);
  for (size_t i = 1; i < expression.operands.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(arguments.positional.emplace_back(), Evaluate(*expression.operands[i]));
  }
  for (const auto& [name, operand] : expression.named) {
    FOREGATE_ASSIGN_OR_RETURN(Value value, Evaluate(*operand));
    arguments.named.emplace_back(name, std::move(value));
  }
  FOREGATE_RETURN_IF_ERROR(AppendStars(expression, &arguments));
  return arguments;
}

absl::Status Interpreter::AppendStars(const Expression& expression, Arguments* arguments) {
  if (expression.star != nullptr) {
    FOREGATE_ASSIGN_OR_RETURN(const Value star, Evaluate(*expression.star));
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(*this, star));
    FOREGATE_RETURN_IF_ERROR(Charge(sizeof(Value) * items.size()));
    arguments->positional.insert(arguments->positional.end(), items.begin(), items.end());
  }
  if (expression.star_star == nullptr) return absl::OkStatus();
  FOREGATE_ASSIGN_OR_RETURN(const Value stars, Evaluate(*expression.star_star));
  if (stars.is_undefined()) return UndefinedError(stars);
  if (!stars.is_dict()) return TypeError("argument after ** must be a mapping, not " + std::string(TypeName(stars)));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(stars)));
  for (const auto& [key, value] : stars.dict().entries()) {
    if (!key.is_string()) return TypeError("keywords must be strings");
    for (const auto& [name, operand] : expression.named) {
      if (name == key.string()) return TypeError("got multiple values for keyword argument '" + name + "'");
    }
    arguments->named.emplace_back(key.string(), value);
  }
  return absl::OkStatus();
}

Result Interpreter::EvaluateCall(const Expression& expression, const Value* caller) {
  const Expression& callee = *expression.operands[0];
  Value self;
  Method method = nullptr;
  if (callee.kind == Kind::kAttribute && callee.members != nullptr) {
    // A method of a built-in type is called without making it a value.
    FOREGATE_ASSIGN_OR_RETURN(self, Evaluate(*callee.operands[0]));
    const Members::Member* const member = FindMember(self, *callee.members);
    if (member != nullptr && !member->is_unsafe && !member->is_property) method = member->method;
    if (method == nullptr) {
      auto attribute = GetAttribute(*this, self, callee.name, callee.members);
      if (!attribute.ok()) NotePlace(callee.place);
      FOREGATE_ASSIGN_OR_RETURN(self, std::move(attribute));
    }
  } else {
    FOREGATE_ASSIGN_OR_RETURN(self, Evaluate(callee));
  }
  FOREGATE_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression));
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  Value result;
  if (method != nullptr) {
    FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(self)));
    FOREGATE_ASSIGN_OR_RETURN(result, method(*this, self, arguments));
  } else {
    FOREGATE_ASSIGN_OR_RETURN(result, Call(self, std::move(arguments)));
  }
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateFilter(const Expression& expression) {
  Value input;
  if (expression.operands[0] == nullptr) {
    input = *filter_input_;  // set by the block, and read before anything else is evaluated
  } else {
    FOREGATE_ASSIGN_OR_RETURN(input, Evaluate(*expression.operands[0]));
  }
  if (expression.filter == nullptr)
    return absl::InvalidArgumentError("No filter named '" + expression.name + "' found.");
  FOREGATE_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(input)));
  FOREGATE_ASSIGN_OR_RETURN(Value result, expression.filter(*this, input, arguments));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateTest(const Expression& expression) {
  FOREGATE_ASSIGN_OR_RETURN(const Value input, Evaluate(*expression.operands[0]));
  if (expression.test == nullptr) return absl::InvalidArgumentError("No test named '" + expression.name + "' found.");
  FOREGATE_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression));
  FOREGATE_ASSIGN_OR_RETURN(const bool holds, expression.test(*this, input, arguments));
  return Value::Bool(holds);
}

}  // namespace foregate::jinja
