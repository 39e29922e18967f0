// str.format and str.format_map in jinja2's sandbox.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_STR_FORMAT_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_STR_FORMAT_H_

#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// "{} {0} {name.attribute[item]!r:>8}"; fields reach attributes and items as templates do. What goes into Markup is
// escaped.
absl::StatusOr<Value> StrFormat(Interpreter& interpreter, const Value& format, const Arguments& arguments);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_STR_FORMAT_H_
