#include "server/text/template/interpreter.h"

#include <algorithm>

#include "kernels/base/status_macros.h"
#include "server/text/template/builtins.h"
#include "server/text/template/limits.h"
#include "server/text/template/loop.h"
#include "server/text/template/macro.h"
#include "server/text/template/namespace.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"

namespace foregate::jinja {
namespace {

using Kind = Expression::Kind;
using Result = absl::StatusOr<Value>;

int FindName(const Template& source, std::string_view name) {
  const auto found = std::find(source.names.begin(), source.names.end(), name);
  return found == source.names.end() ? -1 : static_cast<int>(found - source.names.begin());
}

}  // namespace

void Scope::Set(int name_id, Value value) {
  for (auto& [id, known] : variables_) {
    if (id == name_id) {
      known = std::move(value);
      return;
    }
  }
  variables_.emplace_back(name_id, std::move(value));
}

const Value* Scope::Find(int name_id) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_.get()) {
    for (const auto& [id, value] : scope->variables_) {
      if (id == name_id) return &value;
    }
  }
  return nullptr;
}

Interpreter::Interpreter(const Template& source) : template_(source), loop_name_id_(FindName(source, "loop")) {}

Interpreter::~Interpreter() {
  for (const auto& object : objects_) object->Clear();
  for (const ScopePtr& scope : scopes_) scope->Clear();
}

absl::StatusOr<std::string> Interpreter::Render(const nlohmann::ordered_json& context) {
  if (!context.is_object()) return absl::InvalidArgumentError("the template's context must be an object");
  const auto root = std::make_shared<Scope>(nullptr);
  for (size_t id = 0; id < template_.names.size(); ++id) {
    Value global = FindGlobal(template_.names[id]);
    if (!global.is_undefined()) root->Set(static_cast<int>(id), std::move(global));
  }
  for (const auto& [name, json] : context.items()) {
    const int id = FindName(template_, name);
    if (id < 0) continue;  // never mentioned
    auto value = FromJson(json);
    if (!value.ok()) {
      return absl::InvalidArgumentError("template argument '" + name + "': " + std::string(value.status().message()));
    }
    root->Set(id, *std::move(value));
  }
  auto text = Capture(template_.body, root);
  if (!text.ok()) return absl::InvalidArgumentError(template_.name + ": " + std::string(text.status().message()));
  return text;
}

absl::Status Interpreter::Charge(size_t bytes) {
  work_bytes_ += bytes;
  if (work_bytes_ <= Limits::kMaxWorkBytes) return absl::OkStatus();
  return absl::InvalidArgumentError("the template works on more than " + std::to_string(Limits::kMaxWorkBytes) +
                                    " bytes");
}

absl::Status Interpreter::Step() {
  if (++steps_ <= Limits::kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError("the template takes more than " + std::to_string(Limits::kMaxSteps) + " steps");
}

absl::Status Interpreter::Emit(std::string_view text) {
  out_->append(text);
  FOREGATE_RETURN_IF_ERROR(Charge(text.size()));
  return CheckStringSize(out_->size());
}

// Errors are named by the innermost statement that they pass.
absl::Status Interpreter::AtLine(const absl::Status& status, int line) {
  if (line_is_named_) return status;
  line_is_named_ = true;
  return absl::InvalidArgumentError("line " + std::to_string(line) + ": " + std::string(status.message()));
}

Value Interpreter::Own(std::shared_ptr<Object> object) {
  objects_.push_back(object);
  return Value::Of(std::move(object));
}

ScopePtr Interpreter::NewScope(const ScopePtr& parent) { return std::make_shared<Scope>(parent); }

absl::StatusOr<std::string> Interpreter::Capture(const Body& body, const ScopePtr& scope) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  const auto flow = Run(body, scope);
  out_ = outer;
  if (!flow.ok()) return flow.status();
  return text;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Run(const Body& body, const ScopePtr& scope) {
  for (const auto& statement : body) {
    FOREGATE_RETURN_IF_ERROR(Step());
    if (++depth_ > Limits::kMaxRunDepth) return absl::InvalidArgumentError("the template recurses too deeply");
    const auto flow = Execute(*statement, scope);
    --depth_;
    if (!flow.ok()) return AtLine(flow.status(), statement->line);
    if (*flow != Flow::kNext) return *flow;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Statement& statement, const ScopePtr& scope) {
  switch (statement.kind) {
    case Statement::Kind::kText:
      FOREGATE_RETURN_IF_ERROR(Emit(statement.text));
      return Flow::kNext;
    case Statement::Kind::kOutput: {
      FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression, scope));
      FOREGATE_RETURN_IF_ERROR(value.is_string() ? Emit(value.string()) : Emit(ToString(value)));
      return Flow::kNext;
    }
    case Statement::Kind::kIf:
      return ExecuteIf(statement, scope);
    case Statement::Kind::kFor: {
      FOREGATE_ASSIGN_OR_RETURN(const Value items, Evaluate(*statement.expression, scope));
      return RunLoop(statement, items, scope, 0);
    }
    case Statement::Kind::kSet: {
      FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression, scope));
      FOREGATE_RETURN_IF_ERROR(Assign(*statement.target, value, scope));
      return Flow::kNext;
    }
    case Statement::Kind::kSetBlock:
      FOREGATE_RETURN_IF_ERROR(ExecuteSetBlock(statement, scope));
      return Flow::kNext;
    case Statement::Kind::kMacro:
      scopes_.push_back(scope);
      scope->Set(statement.name_id, Own(std::make_shared<Macro>(&statement, scope, FindName(template_, "caller"))));
      return Flow::kNext;
    case Statement::Kind::kCallBlock:
      FOREGATE_RETURN_IF_ERROR(ExecuteCallBlock(statement, scope));
      return Flow::kNext;
    case Statement::Kind::kFilterBlock: {
      FOREGATE_ASSIGN_OR_RETURN(std::string text, Capture(statement.body, NewScope(scope)));
      const Value input = Value::String(std::move(text));
      filter_input_ = &input;
      FOREGATE_ASSIGN_OR_RETURN(const Value filtered, Evaluate(*statement.expression, scope));
      FOREGATE_RETURN_IF_ERROR(Emit(ToString(filtered)));
      return Flow::kNext;
    }
    case Statement::Kind::kWith:
      return ExecuteWith(statement, scope);
    case Statement::Kind::kScope: {
      FOREGATE_ASSIGN_OR_RETURN(const std::string text, Capture(statement.body, NewScope(scope)));
      FOREGATE_RETURN_IF_ERROR(Emit(text));
      return Flow::kNext;
    }
    case Statement::Kind::kBreak:
      return Flow::kBreak;
    case Statement::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteIf(const Statement& statement, const ScopePtr& scope) {
  for (const Statement::Branch& branch : statement.branches) {
    FOREGATE_ASSIGN_OR_RETURN(const Value test, Evaluate(*branch.test, scope));
    if (IsTrue(test)) return Run(branch.body, scope);
  }
  return Run(statement.otherwise, scope);
}

absl::Status Interpreter::ExecuteSetBlock(const Statement& statement, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(std::string text, Capture(statement.body, NewScope(scope)));
  Value value = Value::String(std::move(text));
  if (statement.expression != nullptr) {
    const Value input = value;
    filter_input_ = &input;
    FOREGATE_ASSIGN_OR_RETURN(value, Evaluate(*statement.expression, scope));
  }
  return Assign(*statement.target, value, scope);
}

absl::Status Interpreter::ExecuteCallBlock(const Statement& statement, const ScopePtr& scope) {
  scopes_.push_back(scope);
  const Value caller = Own(std::make_shared<Macro>(&statement, scope, -1));
  FOREGATE_ASSIGN_OR_RETURN(const Value text, EvaluateCall(*statement.expression, scope, &caller));
  return Emit(ToString(text));
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteWith(const Statement& statement, const ScopePtr& scope) {
  const ScopePtr inner = NewScope(scope);
  for (const Statement::Assignment& assignment : statement.assignments) {
    FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*assignment.value, scope));
    FOREGATE_RETURN_IF_ERROR(Assign(*assignment.target, value, inner));
  }
  return Run(statement.body, inner);
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunLoop(const Statement& statement, const Value& items,
                                                       const ScopePtr& scope, int depth) {
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(items)));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> values, Iterate(items));
  const auto loop = std::make_shared<Loop>(this, &statement, scope, std::move(values), depth);
  const bool visible = loop_name_id_ >= 0;
  if (visible) objects_.push_back(loop);
  bool any = false;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> item, loop->Next());
    if (!item.has_value()) break;
    FOREGATE_RETURN_IF_ERROR(Step());
    any = true;
    const ScopePtr inner = NewScope(scope);
    if (visible) inner->Set(loop_name_id_, Value::Of(std::shared_ptr<Object>(loop)));
    FOREGATE_RETURN_IF_ERROR(Assign(*statement.target, *item, inner));
    FOREGATE_ASSIGN_OR_RETURN(const Flow flow, Run(statement.body, inner));
    if (flow == Flow::kBreak) break;
  }
  if (any) return Flow::kNext;
  return Run(statement.otherwise, NewScope(scope));
}

absl::StatusOr<std::string> Interpreter::RunNestedLoop(const Statement& loop, const Value& items, const ScopePtr& scope,
                                                       int depth) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  const auto flow = RunLoop(loop, items, scope, depth);
  out_ = outer;
  if (!flow.ok()) return flow.status();
  return text;
}

absl::Status Interpreter::Assign(const Expression& target, const Value& value, const ScopePtr& scope) {
  if (target.kind == Kind::kName) {
    scope->Set(target.name_id, value);
    return absl::OkStatus();
  }
  if (target.kind == Kind::kAttribute) {
    FOREGATE_ASSIGN_OR_RETURN(const Value object, Evaluate(*target.operands[0], scope));
    auto* const attributes = object.is_object() ? dynamic_cast<Namespace*>(object.object().get()) : nullptr;
    if (attributes == nullptr) return TypeError("cannot assign attribute on non-namespace object");
    attributes->Set(target.name, value);
    return absl::OkStatus();
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> parts, Iterate(value));
  if (parts.size() != target.operands.size()) {
    return absl::InvalidArgumentError("cannot unpack " + std::to_string(parts.size()) + " values into " +
                                      std::to_string(target.operands.size()));
  }
  for (size_t i = 0; i < parts.size(); ++i) FOREGATE_RETURN_IF_ERROR(Assign(*target.operands[i], parts[i], scope));
  return absl::OkStatus();
}

Result Interpreter::Call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) return UndefinedError(callee);
  if (!IsCallable(callee)) return TypeError("'" + TypeName(callee) + "' object is not callable");
  return callee.object()->Call(*this, std::move(arguments));
}

Result Interpreter::Evaluate(const Expression& expression, const ScopePtr& scope) {
  if (expression.kind == Kind::kConstant) return expression.constant;
  FOREGATE_RETURN_IF_ERROR(Step());
  if (++depth_ > Limits::kMaxRunDepth) return absl::InvalidArgumentError("the template recurses too deeply");
  Result value = EvaluateKind(expression, scope);
  --depth_;
  return value;
}

Result Interpreter::EvaluateKind(const Expression& expression, const ScopePtr& scope) {
  switch (expression.kind) {
    case Kind::kConstant:
      return expression.constant;
    case Kind::kName: {
      const Value* value = scope->Find(expression.name_id);
      return value != nullptr ? *value : Value::MakeUndefined("'" + expression.name + "' is undefined");
    }
    case Kind::kList:
    case Kind::kTuple:
      return EvaluateSequence(expression, scope);
    case Kind::kDict:
      return EvaluateDict(expression, scope);
    case Kind::kCondition:
      return EvaluateCondition(expression, scope);
    case Kind::kAnd:
    case Kind::kOr:
      return EvaluateLogical(expression, scope);
    case Kind::kNot:
    case Kind::kNegate:
    case Kind::kPositive:
      return EvaluateUnary(expression, scope);
    case Kind::kBinary:
      return EvaluateBinary(expression, scope);
    case Kind::kConcat:
      return EvaluateConcat(expression, scope);
    case Kind::kCompare:
      return EvaluateCompare(expression, scope);
    case Kind::kAttribute:
    case Kind::kItem:
    case Kind::kSlice:
      return EvaluateAccess(expression, scope);
    case Kind::kCall:
      return EvaluateCall(expression, scope, nullptr);
    case Kind::kFilter:
      return EvaluateFilter(expression, scope);
    case Kind::kTest:
      return EvaluateTest(expression, scope);
  }
  return Value();
}

Result Interpreter::EvaluateSequence(const Expression& expression, const ScopePtr& scope) {
  std::vector<Value> items;
  items.reserve(expression.operands.size());
  for (const auto& operand : expression.operands) {
    FOREGATE_ASSIGN_OR_RETURN(items.emplace_back(), Evaluate(*operand, scope));
  }
  return MakeList(std::move(items), expression.kind == Kind::kTuple ? List::Kind::kTuple : List::Kind::kList);
}

Result Interpreter::EvaluateDict(const Expression& expression, const ScopePtr& scope) {
  Dict dict;
  for (size_t i = 0; i + 1 < expression.operands.size(); i += 2) {
    FOREGATE_ASSIGN_OR_RETURN(Value key, Evaluate(*expression.operands[i], scope));
    FOREGATE_ASSIGN_OR_RETURN(Value value, Evaluate(*expression.operands[i + 1], scope));
    if (key.is_dict() || (key.is_list() && key.list().kind == List::Kind::kList)) {
      return TypeError("unhashable type: '" + TypeName(key) + "'");
    }
    dict.Set(std::move(key), std::move(value));
  }
  return MakeDict(std::move(dict));
}

Result Interpreter::EvaluateCondition(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(const Value test, Evaluate(*expression.operands[0], scope));
  if (IsTrue(test)) return Evaluate(*expression.operands[1], scope);
  if (expression.operands[2] != nullptr) return Evaluate(*expression.operands[2], scope);
  return Value::MakeUndefined("the inline if-expression evaluated to false and no else section was defined.");
}

Result Interpreter::EvaluateLogical(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0], scope));
  if (IsTrue(left) == (expression.kind == Kind::kOr)) return left;
  return Evaluate(*expression.operands[1], scope);
}

Result Interpreter::EvaluateUnary(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(Value value, Evaluate(*expression.operands[0], scope));
  if (expression.kind == Kind::kNot) return Value::Bool(!IsTrue(value));
  if (expression.kind == Kind::kNegate) return Negate(value);
  if (value.is_bool()) return Value::Int(value.int_value());
  if (value.is_number()) return value;
  if (value.is_undefined()) return UndefinedError(value);
  return TypeError("bad operand type for unary +: '" + TypeName(value) + "'");
}

Result Interpreter::EvaluateBinary(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(const Value left, Evaluate(*expression.operands[0], scope));
  FOREGATE_ASSIGN_OR_RETURN(const Value right, Evaluate(*expression.operands[1], scope));
  FOREGATE_ASSIGN_OR_RETURN(Value result, ApplyBinary(expression.binary, left, right));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateConcat(const Expression& expression, const ScopePtr& scope) {
  std::string text;
  for (const auto& operand : expression.operands) {
    FOREGATE_ASSIGN_OR_RETURN(const Value part, Evaluate(*operand, scope));
    FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(part)));
    text += ToString(part);
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(text.size()));
  }
  return Value::String(std::move(text));
}

Result Interpreter::EvaluateCompare(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.operands[0], scope));
  for (size_t i = 0; i < expression.comparisons.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(Value right, Evaluate(*expression.operands[i + 1], scope));
    FOREGATE_RETURN_IF_ERROR(Charge(std::min(Weight(left), Weight(right))));
    const bool searches =
        expression.comparisons[i] == Comparison::kIn || expression.comparisons[i] == Comparison::kNotIn;
    if (searches && !right.is_dict()) FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(right)));
    FOREGATE_ASSIGN_OR_RETURN(const bool holds, Compare(expression.comparisons[i], left, right));
    if (!holds) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Result Interpreter::EvaluateOptional(const Expression* expression, const ScopePtr& scope) {
  return expression == nullptr ? Value() : Evaluate(*expression, scope);
}

Result Interpreter::EvaluateAccess(const Expression& expression, const ScopePtr& scope) {
  FOREGATE_ASSIGN_OR_RETURN(const Value object, Evaluate(*expression.operands[0], scope));
  if (expression.kind == Kind::kAttribute) return GetAttribute(object, expression.name);
  FOREGATE_ASSIGN_OR_RETURN(const Value first, EvaluateOptional(expression.operands[1].get(), scope));
  if (expression.kind == Kind::kItem) {
    if (object.is_string()) FOREGATE_RETURN_IF_ERROR(Charge(object.string().size()));
    return GetItem(object, first);
  }
  FOREGATE_ASSIGN_OR_RETURN(const Value stop, EvaluateOptional(expression.operands[2].get(), scope));
  FOREGATE_ASSIGN_OR_RETURN(const Value step, EvaluateOptional(expression.operands[3].get(), scope));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(object)));
  return GetSlice(object, first, stop, step);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(const Expression& expression, const ScopePtr& scope) {
  Arguments arguments;
  for (size_t i = 1; i < expression.operands.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(arguments.positional.emplace_back(), Evaluate(*expression.operands[i], scope));
  }
  for (const auto& [name, operand] : expression.named) {
    FOREGATE_ASSIGN_OR_RETURN(Value value, Evaluate(*operand, scope));
    arguments.named.emplace_back(name, std::move(value));
  }
  return arguments;
}

Result Interpreter::EvaluateCall(const Expression& expression, const ScopePtr& scope, const Value* caller) {
  FOREGATE_ASSIGN_OR_RETURN(const Value callee, Evaluate(*expression.operands[0], scope));
  FOREGATE_ASSIGN_OR_RETURN(Arguments arguments, EvaluateArguments(expression, scope));
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  FOREGATE_ASSIGN_OR_RETURN(Value result, Call(callee, std::move(arguments)));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateFilter(const Expression& expression, const ScopePtr& scope) {
  const Filter filter = FindFilter(expression.name);
  if (filter == nullptr) return absl::InvalidArgumentError("No filter named '" + expression.name + "'.");
  Value input;
  if (expression.operands[0] == nullptr) {
    input = *filter_input_;  // set by the block, and read before anything else is evaluated
  } else {
    FOREGATE_ASSIGN_OR_RETURN(input, Evaluate(*expression.operands[0], scope));
  }
  FOREGATE_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression, scope));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(input)));
  FOREGATE_ASSIGN_OR_RETURN(Value result, filter(*this, input, arguments));
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(result)));
  return result;
}

Result Interpreter::EvaluateTest(const Expression& expression, const ScopePtr& scope) {
  const Test test = FindTest(expression.name);
  if (test == nullptr) return absl::InvalidArgumentError("No test named '" + expression.name + "'.");
  FOREGATE_ASSIGN_OR_RETURN(const Value input, Evaluate(*expression.operands[0], scope));
  FOREGATE_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression, scope));
  for (const Value& argument : arguments.positional) {
    FOREGATE_RETURN_IF_ERROR(Charge(std::min(Weight(input) + Weight(argument), size_t{1} << 16)));
  }
  FOREGATE_ASSIGN_OR_RETURN(const bool holds, test(input, arguments));
  return Value::Bool(holds);
}

}  // namespace foregate::jinja
