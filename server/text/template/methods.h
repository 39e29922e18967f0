// The attributes of Python's built-in types that do not change their object, by name.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/template/builtins.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Parts of FindMembers().
const MethodTable& StringMethods();       // those that make strings, and format
const MethodTable& StringQueryMethods();  // those that look for something in a string
const MethodTable& ListMethods();         // of ranges and tuples too
const MethodTable& DictMethods();
const MethodTable& IntegerMethods();
const MethodTable& FloatMethods();
const MethodTable& NumberProperties();  // of both
const MethodTable& RangeProperties();
const MethodTable& ViewMethods();

absl::StatusOr<Value> StringList(std::vector<std::string> parts);
// str.replace; `count` < 0 for all.
absl::StatusOr<std::string> Replaced(std::string_view text, std::string_view from, std::string_view to, int64_t count);
// str.center and the like.
enum class Side { kLeft, kRight, kBoth };
absl::StatusOr<std::string> Justified(std::string_view text, int64_t width, std::string_view fill, Side side);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_
