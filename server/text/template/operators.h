// What operators, indexing and attributes do to values, as in Python (and jinja2's immutable sandbox).
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// All return INVALID_ARGUMENT where Python raises; integers beyond 64 bits are an error of ours.
absl::StatusOr<Value> ApplyBinary(BinaryOperator op, const Value& a, const Value& b);
absl::StatusOr<Value> Negate(const Value& value);
absl::StatusOr<bool> Compare(Comparison comparison, const Value& a, const Value& b);
absl::StatusOr<bool> Contains(const Value& container, const Value& item);

// object.name: a method or attribute first, then an item; undefined when there is neither.
absl::StatusOr<Value> GetAttribute(const Value& object, const std::string& name);
// object[index]: an item first, then a method or attribute.
absl::StatusOr<Value> GetItem(const Value& object, const Value& index);
// object[start:stop:step]; a bound may be None.
absl::StatusOr<Value> GetSlice(const Value& object, const Value& start, const Value& stop, const Value& step);

// The indices that Python's slice.indices() gives for a sequence of `length`, in order.
absl::StatusOr<std::vector<int64_t>> SliceIndices(int64_t length, const Value& start, const Value& stop,
                                                  const Value& step);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_OPERATORS_H_
