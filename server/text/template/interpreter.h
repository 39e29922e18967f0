// Renders a parsed template: walks its tree with a stack of scopes and a budget.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Variables by name id. A lookup goes outward; an assignment stays in the scope.
class Scope {
 public:
  explicit Scope(std::shared_ptr<const Scope> parent) : parent_(std::move(parent)) {}

  void Set(int name_id, Value value);
  const Value* Find(int name_id) const;
  void Clear() { variables_.clear(); }

 private:
  std::shared_ptr<const Scope> parent_;
  std::vector<std::pair<int, Value>> variables_;
};
using ScopePtr = std::shared_ptr<Scope>;

// One rendering. Not thread-safe; the template must outlive it.
class Interpreter {
 public:
  explicit Interpreter(const Template& source);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // INVALID_ARGUMENT "NAME: line N: ..." for what jinja2 raises and for exceeded limits.
  absl::StatusOr<std::string> Render(const nlohmann::ordered_json& context);

  // For built-in functions and the objects of the language.

  absl::StatusOr<Value> Call(const Value& callee, Arguments arguments);
  absl::StatusOr<Value> Evaluate(const Expression& expression, const ScopePtr& scope);
  // What the body prints.
  absl::StatusOr<std::string> Capture(const Body& body, const ScopePtr& scope);
  absl::Status Assign(const Expression& target, const Value& value, const ScopePtr& scope);
  // Pays for work on that many bytes.
  absl::Status Charge(size_t bytes);
  // Keeps the object to the end of the rendering and then clears it: objects that can hold themselves are freed so.
  Value Own(std::shared_ptr<Object> object);
  // The text of a "for" over the value, for recursive loops.
  absl::StatusOr<std::string> RunNestedLoop(const Statement& loop, const Value& items, const ScopePtr& scope,
                                            int depth);

 private:
  enum class Flow { kNext, kBreak, kContinue };

  ScopePtr NewScope(const ScopePtr& parent);
  absl::Status Step();
  absl::Status Emit(std::string_view text);
  absl::Status AtLine(const absl::Status& status, int line);

  absl::StatusOr<Flow> Run(const Body& body, const ScopePtr& scope);
  absl::StatusOr<Flow> Execute(const Statement& statement, const ScopePtr& scope);
  absl::StatusOr<Flow> ExecuteIf(const Statement& statement, const ScopePtr& scope);
  absl::Status ExecuteSetBlock(const Statement& statement, const ScopePtr& scope);
  absl::Status ExecuteCallBlock(const Statement& statement, const ScopePtr& scope);
  absl::StatusOr<Flow> ExecuteWith(const Statement& statement, const ScopePtr& scope);
  absl::StatusOr<Flow> RunLoop(const Statement& loop, const Value& items, const ScopePtr& scope, int depth);

  absl::StatusOr<Value> EvaluateKind(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateSequence(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateDict(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCondition(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateLogical(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateUnary(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateBinary(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateConcat(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCompare(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateAccess(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCall(const Expression& expression, const ScopePtr& scope, const Value* caller);
  absl::StatusOr<Value> EvaluateFilter(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateTest(const Expression& expression, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateOptional(const Expression* expression, const ScopePtr& scope);
  absl::StatusOr<Arguments> EvaluateArguments(const Expression& expression, const ScopePtr& scope);

  const Template& template_;
  std::string* out_ = nullptr;
  const Value* filter_input_ = nullptr;  // of the filter block being left
  int loop_name_id_ = -1;
  int64_t steps_ = 0;
  size_t work_bytes_ = 0;
  int depth_ = 0;
  bool line_is_named_ = false;  // whether the error being returned already names its line
  std::vector<std::shared_ptr<Object>> objects_;
  std::vector<ScopePtr> scopes_;  // those that macros hold
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_INTERPRETER_H_
