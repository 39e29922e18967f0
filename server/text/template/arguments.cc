#include "server/text/template/arguments.h"

#include <algorithm>

namespace foregate::jinja {

absl::StatusOr<Bound> Bound::Bind(std::string_view function, const Arguments& arguments,
                                  std::initializer_list<std::string_view> parameters, size_t num_required) {
  Bound bound;
  bound.function_ = std::string(function) + "()";
  bound.parameters_.assign(parameters.begin(), parameters.end());
  bound.values_.resize(parameters.size());
  if (arguments.positional.size() > parameters.size()) {
    return TypeError(bound.function_ + " takes at most " + std::to_string(parameters.size()) + " arguments (" +
                     std::to_string(arguments.positional.size()) + " given)");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound.values_[i] = arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(bound.parameters_.begin(), bound.parameters_.end(), name);
    if (found == bound.parameters_.end()) {
      return TypeError(bound.function_ + " got an unexpected keyword argument '" + name + "'");
    }
    auto& slot = bound.values_[static_cast<size_t>(found - bound.parameters_.begin())];
    if (slot.has_value()) return TypeError(bound.function_ + " got multiple values for argument '" + name + "'");
    slot = value;
  }
  for (size_t i = 0; i < num_required; ++i) {
    if (!bound.has(i)) return TypeError(bound.function_ + " misses its argument '" + bound.parameters_[i] + "'");
  }
  return bound;
}

absl::StatusOr<Bound> Bound::BindPositional(std::string_view function, const Arguments& arguments,
                                            std::initializer_list<std::string_view> parameters, size_t num_required) {
  if (!arguments.named.empty()) return TypeError(std::string(function) + "() takes no keyword arguments");
  return Bind(function, arguments, parameters, num_required);
}

absl::StatusOr<std::string> Bound::GetString(size_t i, std::string fallback) const {
  if (!has(i)) return fallback;
  if (at(i).is_string()) return at(i).string();
  if (at(i).is_undefined()) return UndefinedError(at(i));
  return TypeError(function_ + ": '" + parameters_[i] + "' must be str, not " + std::string(TypeName(at(i))));
}

absl::StatusOr<int64_t> Bound::GetInt(size_t i, int64_t fallback) const {
  if (!has(i)) return fallback;
  if (at(i).is_int() || at(i).is_bool()) return at(i).int_value();
  if (at(i).is_big()) return TypeError("Python int too large to convert to C ssize_t");
  if (at(i).is_undefined()) return UndefinedError(at(i));
  return TypeError(function_ + ": '" + parameters_[i] + "' must be int, not " + std::string(TypeName(at(i))));
}

}  // namespace foregate::jinja
