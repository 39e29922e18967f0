#include "server/text/template/macro.h"

#include <algorithm>

#include "kernels/base/status_macros.h"

namespace foregate::jinja {

absl::StatusOr<std::optional<Value>> Macro::Attribute(std::string_view name) {
  if (name == "name") return std::optional(Value::String(statement_->name));
  return std::optional<Value>();
}

absl::Status Macro::BindParameters(Interpreter& interpreter, const Arguments& arguments, const ScopePtr& scope) {
  const auto& parameters = statement_->parameters;
  const std::string who = "macro '" + statement_->name + "'";
  if (arguments.positional.size() > parameters.size()) {
    return TypeError(who + " takes not more than " + std::to_string(parameters.size()) + " argument(s)");
  }
  std::vector<const Value*> given(parameters.size(), nullptr);
  for (size_t i = 0; i < arguments.positional.size(); ++i) given[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found =
        std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == name; });
    if (found == parameters.end()) {
      if (name == "caller" && caller_name_id_ >= 0) {
        scope->Set(caller_name_id_, value);
        continue;
      }
      return TypeError(who + " takes no keyword argument '" + name + "'");
    }
    const Value*& slot = given[static_cast<size_t>(found - parameters.begin())];
    if (slot != nullptr) return TypeError(who + " got multiple values for argument '" + name + "'");
    slot = &value;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    Value value = Value::MakeUndefined("parameter '" + parameters[i].name + "' was not provided");
    if (given[i] != nullptr) {
      value = *given[i];
    } else if (parameters[i].default_value != nullptr) {
      FOREGATE_ASSIGN_OR_RETURN(value, interpreter.Evaluate(*parameters[i].default_value, scope));
    }
    scope->Set(parameters[i].name_id, std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Macro::Call(Interpreter& interpreter, Arguments arguments) {
  const auto scope = std::make_shared<Scope>(scope_);
  FOREGATE_RETURN_IF_ERROR(BindParameters(interpreter, arguments, scope));
  FOREGATE_ASSIGN_OR_RETURN(std::string text, interpreter.Capture(statement_->body, scope));
  return Value::String(std::move(text));
}

}  // namespace foregate::jinja
