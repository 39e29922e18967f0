// Binds the arguments of a call to the parameters of a built-in function.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_ARGUMENTS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_ARGUMENTS_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Values by the order of the parameters.
class Bound {
 public:
  // INVALID_ARGUMENT for too many, unknown, doubled, or fewer than `num_required` arguments.
  static absl::StatusOr<Bound> Bind(std::string_view function, const Arguments& arguments,
                                    std::initializer_list<std::string_view> parameters, size_t num_required = 0);

  // The same for a function that takes no names, as most methods of Python's own types.
  static absl::StatusOr<Bound> BindPositional(std::string_view function, const Arguments& arguments,
                                              std::initializer_list<std::string_view> parameters,
                                              size_t num_required = 0);

  bool has(size_t i) const { return values_[i].has_value(); }
  const Value& at(size_t i) const { return *values_[i]; }
  Value Get(size_t i, Value fallback) const { return values_[i].has_value() ? *values_[i] : fallback; }
  // INVALID_ARGUMENT naming the parameter for another type.
  absl::StatusOr<std::string> GetString(size_t i, std::string fallback) const;
  absl::StatusOr<int64_t> GetInt(size_t i, int64_t fallback) const;
  bool GetBool(size_t i, bool fallback) const { return has(i) ? IsTrue(at(i)) : fallback; }
  // Absent and None alike.
  bool absent(size_t i) const { return !has(i) || at(i).is_none(); }

 private:
  std::string function_;
  std::vector<std::string> parameters_;
  std::vector<std::optional<Value>> values_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_ARGUMENTS_H_
