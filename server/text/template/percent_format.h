// The % operator of Python's str.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_

#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// `values` is a tuple of arguments, a mapping, or the only argument. What goes into Markup is escaped.
absl::StatusOr<Value> PercentFormat(const Value& format, const Value& values);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_
