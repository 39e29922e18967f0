#include "server/text/template/macro.h"

#include <algorithm>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"

namespace foregate::jinja {

absl::StatusOr<std::optional<Value>> Macro::Attribute(Interpreter&, std::string_view name) {
  using Result = std::optional<Value>;
  const auto& shape = statement_.function;
  if (name == "name") return Result(is_call_block() ? Value() : Value::String(statement_.name));
  if (name == "caller") return Result(Value::Bool(shape.accesses_caller));
  if (name == "catch_kwargs") return Result(Value::Bool(shape.kwargs >= 0));
  if (name == "catch_varargs") return Result(Value::Bool(shape.varargs >= 0));
  const bool takes_caller =
      std::ranges::any_of(statement_.parameters, [](const auto& p) { return p.name == "caller"; });
  if (name == "explicit_caller") return Result(Value::Bool(takes_caller));
  if (name != "arguments") return Result();
  std::vector<Value> names;
  for (const auto& parameter : statement_.parameters) names.push_back(Value::String(parameter.name));
  FOREGATE_ASSIGN_OR_RETURN(Value tuple, MakeTuple(std::move(names)));
  return Result(std::move(tuple));
}

namespace {

// Takes the argument out of the named ones.
std::optional<Value> TakeNamed(Arguments* arguments, std::string_view name) {
  const auto found = std::ranges::find_if(arguments->named, [&](const auto& entry) { return entry.first == name; });
  if (found == arguments->named.end()) return std::nullopt;
  Value value = std::move(found->second);
  arguments->named.erase(found);
  return value;
}

absl::StatusOr<Value> Keywords(const Arguments& arguments) {
  Dict keywords;
  for (const auto& [name, value] : arguments.named) keywords.Set(Value::String(name), value);
  return MakeDict(std::move(keywords));
}

}  // namespace

absl::Status Interpreter::BindParameters(const Statement& macro, Arguments arguments) {
  const auto& parameters = macro.parameters;
  const auto& shape = macro.function;
  const auto slot = [&](int index) -> Value& { return variables_->slots[static_cast<size_t>(index)]; };
  const size_t num_given = std::min(arguments.positional.size(), parameters.size());
  for (size_t i = 0; i < num_given; ++i) slot(parameters[i].index) = arguments.positional[i];
  for (size_t i = num_given; i < parameters.size(); ++i) {
    const auto named = TakeNamed(&arguments, parameters[i].name);
    if (named.has_value()) slot(parameters[i].index) = *named;
  }
  if (shape.caller >= 0) {
    const Value caller = TakeNamed(&arguments, "caller").value_or(Value());
    slot(shape.caller) = caller.is_none() ? Value::MakeUndefined("No caller defined") : caller;
  }
  if (shape.kwargs >= 0) {
    FOREGATE_ASSIGN_OR_RETURN(slot(shape.kwargs), Keywords(arguments));
  } else if (!arguments.named.empty()) {
    return TypeError("macro '" + macro.name + "' takes no keyword argument '" + arguments.named[0].first + "'");
  }
  if (shape.varargs >= 0) {
    FOREGATE_ASSIGN_OR_RETURN(
        slot(shape.varargs),
        MakeTuple({arguments.positional.begin() + static_cast<ptrdiff_t>(num_given), arguments.positional.end()}));
  } else if (arguments.positional.size() > parameters.size()) {
    return TypeError("macro '" + macro.name + "' takes not more than " + std::to_string(parameters.size()) +
                     " argument(s)");
  }
  Enter(macro.loads);
  for (const auto& parameter : parameters) {
    if (!slot(parameter.index).is_missing()) continue;
    Value value = Value::MakeUndefined("parameter '" + parameter.name + "' was not provided");
    if (parameter.default_value != nullptr) {
      FOREGATE_ASSIGN_OR_RETURN(value, Evaluate(*parameter.default_value));
    }
    slot(parameter.index) = std::move(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> Interpreter::CallMacro(const Statement& macro, const ActivationPtr& outer, Arguments arguments) {
  if (++depth_ > Limits::kMaxRunDepth) return absl::InvalidArgumentError("the template recurses too deeply");
  ActivationPtr caller = std::exchange(variables_, MakeRef<Activation>(macro.function.num_slots, outer));
  absl::Status status = BindParameters(macro, std::move(arguments));
  std::string text;
  if (status.ok()) status = Capture(macro.body, &text).status();
  variables_ = std::move(caller);
  --depth_;
  if (!status.ok()) return status;
  return Value::String(std::move(text));
}

}  // namespace foregate::jinja
