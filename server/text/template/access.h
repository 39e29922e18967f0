// Attributes, items and slices of values, as jinja2's immutable sandbox lets templates reach them.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_ACCESS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_ACCESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/template/builtins.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// What the name means for the type of this value; null when it has no such attribute.
const Members::Member* FindMember(const Value& object, const Members& members);

// object.name: a method or attribute first, then an item; undefined when there is neither. `members` is
// FindMembers(name).
absl::StatusOr<Value> GetAttribute(Interpreter& interpreter, const Value& object, const std::string& name,
                                   const Members* members);
// object[index]: an item first, then a method or attribute.
absl::StatusOr<Value> GetItem(Interpreter& interpreter, const Value& object, const Value& index);
// object[start:stop:step]; a bound may be None.
absl::StatusOr<Value> GetSlice(const Value& object, const Value& start, const Value& stop, const Value& step);
// Only an attribute, as the filter `attr` and str.format's "{0.name}" find it.
absl::StatusOr<Value> GetOnlyAttribute(Interpreter& interpreter, const Value& object, const std::string& name);

// Where str.find and the like begin and end: a slice of `length`, as [first, last).
absl::StatusOr<std::pair<int64_t, int64_t>> SliceBounds(int64_t length, const Value& start, const Value& stop);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_ACCESS_H_
