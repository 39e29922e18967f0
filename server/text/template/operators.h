// What operators do to values, as in Python. All return INVALID_ARGUMENT where Python raises.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

absl::StatusOr<Value> ApplyBinary(BinaryOperator op, const Value& a, const Value& b);
absl::StatusOr<Value> Negate(const Value& value);
absl::StatusOr<Value> Positive(const Value& value);
// Pays for what it looks at.
absl::StatusOr<bool> Compare(Interpreter& interpreter, Comparison comparison, const Value& a, const Value& b);

// Arithmetic of two numbers; integers beyond 4300 digits are an error of ours.
absl::StatusOr<Value> Calculate(BinaryOperator op, const Value& a, const Value& b);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_
