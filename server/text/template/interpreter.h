// Renders a parsed template: walks its tree with activations of variables and a budget.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_

#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// The variables of one call of a function: of the template, a macro, a recursive loop. `outer` are those of the
// function around it.
struct Activation : Counted {
  Activation(int num_slots, Ref<Activation> around)
      : slots(static_cast<size_t>(num_slots), Value::Missing()), outer(std::move(around)) {}

  std::vector<Value> slots;
  Ref<Activation> outer;
};
using ActivationPtr = Ref<Activation>;

class Loop;

// One rendering. Not thread-safe; the template must outlive it.
class Interpreter {
 public:
  // `now` is what strftime_now() tells.
  Interpreter(const Template& source, std::chrono::system_clock::time_point now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // INVALID_ARGUMENT "NAME: line N, column M: ..." for what jinja2 raises and for exceeded limits.
  absl::StatusOr<std::string> Render(const nlohmann::ordered_json& context);

  // For built-in functions and the objects of the language.

  absl::StatusOr<Value> Call(const Value& callee, Arguments arguments);
  absl::StatusOr<Value> Evaluate(const Expression& expression);
  // What the body of a macro prints when it is called with these arguments.
  absl::StatusOr<Value> CallMacro(const Statement& macro, const ActivationPtr& outer, Arguments arguments);
  // Whether an item passes the filter of a loop.
  absl::StatusOr<bool> PassesFilter(const Statement& loop, const ActivationPtr& filter_variables, const Value& item);
  // The text of a "for" over the value, for recursive loops.
  absl::StatusOr<Value> RunNestedLoop(const Statement& loop, const Value& items, const ActivationPtr& outer, int depth);
  // Pays for work on that many bytes, and for one more step.
  absl::Status Charge(size_t bytes);
  absl::Status Step();
  // Keeps the object to the end of the rendering and then clears it: objects that can hold themselves are freed so.
  Value Own(Ref<Object> object);
  std::chrono::system_clock::time_point now() const { return now_; }

 private:
  enum class Flow { kNext, kBreak, kContinue };

  absl::Status FillContext(const nlohmann::ordered_json& context);
  void Enter(const SlotLoads& loads);
  void Leave(const SlotLoads& loads);
  Value& At(Slot slot) const;
  absl::Status CheckDeadline();
  absl::Status Emit(std::string_view text);
  absl::Status EmitValue(const Value& value);
  // What blocks give must be text already.
  absl::Status EmitText(const Value& value);
  // Errors are placed where they come from: by the innermost node that they pass.
  void NotePlace(Place place);

  absl::StatusOr<Flow> Run(const Body& body);
  absl::StatusOr<Flow> Execute(const Statement& statement);
  absl::StatusOr<Flow> ExecuteIf(const Statement& statement);
  absl::StatusOr<Flow> ExecuteFor(const Statement& statement);
  absl::StatusOr<Flow> ExecuteWith(const Statement& statement);
  absl::StatusOr<Flow> ExecuteFilterBlock(const Statement& statement);
  absl::StatusOr<Flow> ExecuteSetBlock(const Statement& statement);
  absl::Status ExecuteCallBlock(const Statement& statement);
  // Runs the body with its text in `text`.
  absl::StatusOr<Flow> Capture(const Body& body, std::string* text);
  absl::StatusOr<Flow> RunLoop(const Statement& loop, const Value& items, const ActivationPtr& filter_outer, int depth);
  absl::Status RunIterations(const Statement& statement, const Ref<Loop>& loop, bool* any);
  Value MakeMacro(const Statement& statement);

  absl::Status Assign(const Expression& target, const Value& value);
  absl::Status CheckNamespaces(const Expression& target);
  absl::Status BindParameters(const Statement& macro, Arguments arguments);

  absl::StatusOr<Value> EvaluateKind(const Expression& expression);
  absl::StatusOr<Value> EvaluateSequence(const Expression& expression);
  absl::StatusOr<Value> EvaluateDict(const Expression& expression);
  absl::StatusOr<Value> EvaluateCondition(const Expression& expression);
  absl::StatusOr<Value> EvaluateLogical(const Expression& expression);
  absl::StatusOr<Value> EvaluateUnary(const Expression& expression);
  absl::StatusOr<Value> EvaluateBinary(const Expression& expression);
  absl::StatusOr<Value> EvaluateConcat(const Expression& expression);
  absl::StatusOr<Value> EvaluateCompare(const Expression& expression);
  absl::StatusOr<Value> EvaluateOptional(const Expression* expression);
  absl::StatusOr<Value> EvaluateAccess(const Expression& expression);
  absl::StatusOr<Value> EvaluateCall(const Expression& expression, const Value* caller);
  absl::StatusOr<Value> EvaluateFilter(const Expression& expression);
  absl::StatusOr<Value> EvaluateTest(const Expression& expression);
  absl::StatusOr<Arguments> EvaluateArguments(const Expression& expression);
  absl::Status AppendStars(const Expression& expression, Arguments* arguments);

  const Template& template_;
  std::chrono::system_clock::time_point now_;
  std::chrono::steady_clock::time_point deadline_;
  std::vector<Value> context_;  // by name id; missing where the template's user gave nothing
  ActivationPtr variables_;     // of the running function
  std::string* out_ = nullptr;
  const Value* filter_input_ = nullptr;  // of the filter block being left
  int64_t steps_ = 0;
  size_t work_bytes_ = 0;
  int depth_ = 0;
  Place error_place_;
  std::vector<Ref<Object>> objects_;
  std::vector<ActivationPtr> captured_;  // those that macros hold
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_
