// Python's "format % values", which the filter `format` is too.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// `values` is a tuple, a dict for %(name)s, or a single value. Knows %s %r %d %i %x %X %o %f %e %g %c %% with flags,
// width and precision; INVALID_ARGUMENT for others, and when the counts differ.
absl::StatusOr<Value> PercentFormat(const std::string& format, const Value& values);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_PERCENT_FORMAT_H_
