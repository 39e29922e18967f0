// A macro, or the body of a call block, as a value that can be called.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_

#include <string>
#include <utility>

#include "server/text/template/interpreter.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Calling it binds the parameters in a new scope inside the one where the macro was written.
class Macro : public Object {
 public:
  Macro(const Statement* statement, ScopePtr scope, int caller_name_id)
      : statement_(statement), scope_(std::move(scope)), caller_name_id_(caller_name_id) {}

  std::string Name() const override { return "Macro '" + statement_->name + "'"; }
  bool callable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Attribute(std::string_view name) override;
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override;
  void Clear() override { scope_.reset(); }

 private:
  absl::Status BindParameters(Interpreter& interpreter, const Arguments& arguments, const ScopePtr& scope);

  const Statement* statement_;
  ScopePtr scope_;
  int caller_name_id_;  // -1 when the template never mentions `caller`
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_
