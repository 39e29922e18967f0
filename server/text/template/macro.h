// A macro, or the body of a call block, as a value that can be called.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_

#include <string>
#include <string_view>
#include <utility>

#include "server/text/template/interpreter.h"
#include "server/text/template/py_string.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Calling it binds the parameters in a new activation inside of the one where the macro was written.
class Macro : public Object {
 public:
  Macro(const Statement* statement, ActivationPtr outer) : statement_(*statement), outer_(std::move(outer)) {}

  const char* TypeName() const override { return "Macro"; }
  std::string Repr() const override {
    return is_call_block() ? "<Macro anonymous>" : "<Macro " + ReprString(statement_.name) + ">";
  }
  bool callable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Attribute(Interpreter& interpreter, std::string_view name) override;
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    return interpreter.CallMacro(statement_, outer_, std::move(arguments));
  }
  void Clear() override { outer_ = {}; }

 private:
  bool is_call_block() const { return statement_.kind == Statement::Kind::kCallBlock; }

  const Statement& statement_;
  ActivationPtr outer_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_MACRO_H_
