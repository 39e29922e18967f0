#include "server/text/template/interpreter.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/base/status_macros.h"
#include "server/text/template/builtins.h"
#include "server/text/template/iteration.h"
#include "server/text/template/limits.h"
#include "server/text/template/loop.h"
#include "server/text/template/macro.h"
#include "server/text/template/namespace.h"
#include "server/text/template/print.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

}  // namespace

Interpreter::Interpreter(const Template& source, std::chrono::system_clock::time_point now)
    : template_(source), now_(now), deadline_(std::chrono::steady_clock::now() + Limits::kMaxTime) {}

Interpreter::~Interpreter() {
  for (const auto& object : objects_) object->Clear();
  for (const ActivationPtr& activation : captured_) activation->slots.clear();
}

absl::StatusOr<std::string> Interpreter::Render(const nlohmann::ordered_json& context) {
  if (!context.is_object()) {
    return absl::InvalidArgumentError(template_.name + ": the template's context must be an object");
  }
  FOREGATE_RETURN_IF_ERROR(FillContext(context));
  variables_ = MakeRef<Activation>(template_.num_slots, ActivationPtr());
  Enter(template_.loads);
  std::string text;
  const auto flow = Capture(template_.body, &text);
  if (flow.ok()) return text;
  return absl::InvalidArgumentError(template_.name + ": line " + std::to_string(error_place_.line) + ", column " +
                                    std::to_string(error_place_.column) + ": " + std::string(flow.status().message()));
}

absl::Status Interpreter::FillContext(const nlohmann::ordered_json& context) {
  for (const std::string& name : template_.names) {
    const auto found = context.find(name);
    if (found == context.end()) {
      context_.push_back(FindGlobal(name));
      continue;
    }
    auto value = FromJson(*found);
    if (!value.ok()) {
      return absl::InvalidArgumentError(template_.name + ": template argument '" + name +
                                        "': " + std::string(value.status().message()));
    }
    context_.push_back(*std::move(value));
  }
  return absl::OkStatus();
}

void Interpreter::Enter(const SlotLoads& loads) {
  for (const SlotLoad& load : loads) {
    Value& slot = variables_->slots[static_cast<size_t>(load.index)];
    switch (load.kind) {
      case SlotLoad::Kind::kContext:
        slot = context_[static_cast<size_t>(load.name_id)];
        break;
      case SlotLoad::Kind::kAlias:
        slot = At(load.source);
        break;
      case SlotLoad::Kind::kUndefined:
        slot = Value::Missing();
        break;
      case SlotLoad::Kind::kParameter:
        break;
    }
  }
}

void Interpreter::Leave(const SlotLoads& loads) {
  for (const SlotLoad& load : loads) variables_->slots[static_cast<size_t>(load.index)] = Value::Missing();
}

Value& Interpreter::At(Slot slot) const {
  Activation* activation = variables_.get();
  for (int hop = 0; hop < slot.hops; ++hop) activation = activation->outer.get();
  return activation->slots[static_cast<size_t>(slot.index)];
}

absl::Status Interpreter::Charge(size_t bytes) {
  work_bytes_ += bytes;
  if (work_bytes_ <= Limits::kMaxWorkBytes) return absl::OkStatus();
  return absl::InvalidArgumentError("the template works on more than " + std::to_string(Limits::kMaxWorkBytes) +
                                    " bytes");
}

absl::Status Interpreter::Step() {
  if (++steps_ > Limits::kMaxSteps) {
    return absl::InvalidArgumentError("the template takes more than " + std::to_string(Limits::kMaxSteps) + " steps");
  }
  return steps_ % Limits::kStepsPerClockReading == 0 ? CheckDeadline() : absl::OkStatus();
}

absl::Status Interpreter::CheckDeadline() {
  if (std::chrono::steady_clock::now() < deadline_) return absl::OkStatus();
  return absl::InvalidArgumentError("the template takes more than " + std::to_string(Limits::kMaxTime.count()) +
                                    " seconds");
}

absl::Status Interpreter::Emit(std::string_view text) {
  out_->append(text);
  FOREGATE_RETURN_IF_ERROR(Charge(text.size()));
  return CheckStringSize(out_->size());
}

absl::Status Interpreter::EmitValue(const Value& value) {
  return value.is_string() ? Emit(value.string()) : Emit(ToString(value));
}

absl::Status Interpreter::EmitText(const Value& value) {
  if (value.is_string()) return Emit(value.string());
  return TypeError("a block gave " + std::string(TypeName(value)) + " instead of text");
}

void Interpreter::NotePlace(Place place) {
  if (error_place_.line == 0) error_place_ = place;
}

Value Interpreter::Own(Ref<Object> object) {
  objects_.push_back(object);
  return Value::Of(object);
}

absl::StatusOr<Interpreter::Flow> Interpreter::Capture(const Body& body, std::string* text) {
  std::string* const outer = std::exchange(out_, text);
  auto flow = Run(body);
  out_ = outer;
  return flow;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Run(const Body& body) {
  for (const auto& statement : body) {
    absl::Status status = Step();
    if (++depth_ > Limits::kMaxRunDepth) status = absl::InvalidArgumentError("the template recurses too deeply");
    auto flow = status.ok() ? Execute(*statement) : absl::StatusOr<Flow>(status);
    --depth_;
    if (!flow.ok()) NotePlace(statement->place);
    if (!flow.ok() || *flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::Execute(const Statement& statement) {
  switch (statement.kind) {
    case Statement::Kind::kText:
      FOREGATE_RETURN_IF_ERROR(Emit(statement.text));
      return Flow::kNext;
    case Statement::Kind::kOutput: {
      FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression));
      FOREGATE_RETURN_IF_ERROR(EmitValue(value));
      return Flow::kNext;
    }
    case Statement::Kind::kIf:
      return ExecuteIf(statement);
    case Statement::Kind::kFor:
      return ExecuteFor(statement);
    case Statement::Kind::kSet: {
      FOREGATE_RETURN_IF_ERROR(CheckNamespaces(*statement.target));
      FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression));
      FOREGATE_RETURN_IF_ERROR(Assign(*statement.target, value));
      return Flow::kNext;
    }
    case Statement::Kind::kSetBlock:
      return ExecuteSetBlock(statement);
    case Statement::Kind::kMacro:
      At(statement.slot) = MakeMacro(statement);
      return Flow::kNext;
    case Statement::Kind::kCallBlock:
      FOREGATE_RETURN_IF_ERROR(ExecuteCallBlock(statement));
      return Flow::kNext;
    case Statement::Kind::kFilterBlock:
      return ExecuteFilterBlock(statement);
    case Statement::Kind::kWith:
      return ExecuteWith(statement);
    case Statement::Kind::kBreak:
      return Flow::kBreak;
    case Statement::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteIf(const Statement& statement) {
  for (const Statement::Branch& branch : statement.branches) {
    FOREGATE_ASSIGN_OR_RETURN(const Value test, Evaluate(*branch.test));
    if (IsTrue(test)) return Run(branch.body);
  }
  return Run(statement.otherwise);
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteFilterBlock(const Statement& statement) {
  Enter(statement.loads);
  std::string text;
  FOREGATE_ASSIGN_OR_RETURN(const Flow flow, Capture(statement.body, &text));
  if (flow != Flow::kNext) return flow;  // out of the loop around it; the text is lost, as jinja2's is
  const Value input = Value::String(std::move(text));
  filter_input_ = &input;
  FOREGATE_ASSIGN_OR_RETURN(const Value filtered, Evaluate(*statement.expression));
  FOREGATE_RETURN_IF_ERROR(EmitText(filtered));
  Leave(statement.loads);
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteSetBlock(const Statement& statement) {
  Enter(statement.loads);
  std::string text;
  FOREGATE_ASSIGN_OR_RETURN(const Flow flow, Capture(statement.body, &text));
  if (flow != Flow::kNext) return flow;
  Value value = Value::String(std::move(text));
  if (statement.expression != nullptr) {
    const Value input = value;
    filter_input_ = &input;
    FOREGATE_ASSIGN_OR_RETURN(value, Evaluate(*statement.expression));
  }
  FOREGATE_RETURN_IF_ERROR(Assign(*statement.target, value));
  Leave(statement.loads);
  return Flow::kNext;
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteWith(const Statement& statement) {
  Enter(statement.loads);
  for (const Statement::Assignment& assignment : statement.assignments) {
    FOREGATE_ASSIGN_OR_RETURN(const Value value, Evaluate(*assignment.value));
    FOREGATE_RETURN_IF_ERROR(Assign(*assignment.target, value));
  }
  FOREGATE_ASSIGN_OR_RETURN(const Flow flow, Run(statement.body));
  if (flow == Flow::kNext) Leave(statement.loads);
  return flow;
}

Value Interpreter::MakeMacro(const Statement& statement) {
  if (captured_.empty() || captured_.back().get() != variables_.get()) captured_.push_back(variables_);
  return Own(MakeRef<Macro>(&statement, variables_));
}

absl::Status Interpreter::ExecuteCallBlock(const Statement& statement) {
  if (statement.expression == nullptr) {  // the generation tag, which calls its body
    FOREGATE_ASSIGN_OR_RETURN(const Value text, CallMacro(statement, variables_, {}));
    return EmitValue(text);
  }
  const Value caller = MakeMacro(statement);
  FOREGATE_ASSIGN_OR_RETURN(const Value text, EvaluateCall(*statement.expression, &caller));
  return EmitText(text);
}

absl::StatusOr<Interpreter::Flow> Interpreter::ExecuteFor(const Statement& statement) {
  FOREGATE_ASSIGN_OR_RETURN(const Value items, Evaluate(*statement.expression));
  if (!statement.recursive) return RunLoop(statement, items, variables_, 0);
  FOREGATE_ASSIGN_OR_RETURN(const Value text, RunNestedLoop(statement, items, variables_, 0));
  FOREGATE_RETURN_IF_ERROR(EmitValue(text));
  return Flow::kNext;
}

Result Interpreter::RunNestedLoop(const Statement& loop, const Value& items, const ActivationPtr& outer, int depth) {
  if (++depth_ > Limits::kMaxRunDepth) return absl::InvalidArgumentError("the template recurses too deeply");
  ActivationPtr caller = std::exchange(variables_, MakeRef<Activation>(loop.function.num_slots, outer));
  std::string text;
  std::string* const outer_text = std::exchange(out_, &text);
  const auto flow = RunLoop(loop, items, outer, depth);
  out_ = outer_text;
  variables_ = std::move(caller);
  --depth_;
  if (!flow.ok()) return flow.status();
  return Value::String(std::move(text));
}

// `filter_outer` are the variables that the loop's filter sees besides its own.
absl::StatusOr<Interpreter::Flow> Interpreter::RunLoop(const Statement& statement, const Value& items,
                                                       const ActivationPtr& filter_outer, int depth) {
  FOREGATE_RETURN_IF_ERROR(Charge(ShallowWeight(items)));
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(items));
  ActivationPtr filter_variables;
  if (statement.filter != nullptr) {
    filter_variables = MakeRef<Activation>(statement.filter_function.num_slots, filter_outer);
    ActivationPtr here = std::exchange(variables_, filter_variables);
    Enter(statement.filter_loads);
    variables_ = std::move(here);
  }
  const auto loop = MakeRef<Loop>(&statement, statement.recursive ? variables_->outer : variables_,
                                  std::move(filter_variables), std::move(iterator), depth);
  bool any = false;
  FOREGATE_RETURN_IF_ERROR(RunIterations(statement, loop, &any));
  if (!statement.recursive || !statement.otherwise.empty()) Leave(statement.loads);
  if (loop->is_shared()) objects_.push_back(loop);  // the template kept it
  if (any || statement.otherwise.empty()) return Flow::kNext;
  Enter(statement.otherwise_loads);
  FOREGATE_ASSIGN_OR_RETURN(const Flow after, Run(statement.otherwise));
  Leave(statement.otherwise_loads);
  return after;
}

absl::Status Interpreter::RunIterations(const Statement& statement, const Ref<Loop>& loop, bool* any) {
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> item, loop->Advance(*this));
    if (!item.has_value()) return absl::OkStatus();
    FOREGATE_RETURN_IF_ERROR(Step());
    FOREGATE_RETURN_IF_ERROR(Assign(*statement.target, *item));
    if (statement.loop_slot >= 0)
      variables_->slots[static_cast<size_t>(statement.loop_slot)] = Value::Of(Ref<Object>(loop));
    Enter(statement.loads);
    FOREGATE_ASSIGN_OR_RETURN(const Flow flow, Run(statement.body));
    if (flow == Flow::kNext) *any = true;  // jinja2 counts only iterations that ran to their end
    if (flow == Flow::kBreak) return absl::OkStatus();
  }
}

absl::StatusOr<bool> Interpreter::PassesFilter(const Statement& loop, const ActivationPtr& filter_variables,
                                               const Value& item) {
  ActivationPtr here = std::exchange(variables_, filter_variables);
  absl::Status status = Assign(*loop.filter_target, item);
  Result passes = status.ok() ? Evaluate(*loop.filter) : Result(status);
  variables_ = std::move(here);
  if (!passes.ok()) return passes.status();
  return IsTrue(*passes);
}

absl::Status Interpreter::Assign(const Expression& target, const Value& value) {
  if (target.kind == Expression::Kind::kName) {
    At(target.slot) = value;
    return absl::OkStatus();
  }
  if (target.kind == Expression::Kind::kAttribute) {
    FOREGATE_ASSIGN_OR_RETURN(const Value object, Evaluate(*target.operands[0]));
    auto* const attributes = object.is_object() ? dynamic_cast<Namespace*>(&object.object()) : nullptr;
    if (attributes == nullptr) return TypeError("cannot assign attribute on non-namespace object");
    return attributes->Set(target.name, value);
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> parts, Unpack(*this, value, target.operands.size()));
  for (size_t i = 0; i < parts.size(); ++i) FOREGATE_RETURN_IF_ERROR(Assign(*target.operands[i], parts[i]));
  return absl::OkStatus();
}

// Before the value is made, as jinja2 does.
absl::Status Interpreter::CheckNamespaces(const Expression& target) {
  if (target.kind == Expression::Kind::kTuple) {
    for (const auto& part : target.operands) FOREGATE_RETURN_IF_ERROR(CheckNamespaces(*part));
  }
  if (target.kind != Expression::Kind::kAttribute) return absl::OkStatus();
  const Value& object = At(target.operands[0]->slot);
  if (object.is_object() && dynamic_cast<Namespace*>(&object.object()) != nullptr) return absl::OkStatus();
  NotePlace(target.place);
  return TypeError("cannot assign attribute on non-namespace object");
}

}  // namespace foregate::jinja
