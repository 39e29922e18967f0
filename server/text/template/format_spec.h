// format(value, spec) of Python: the language of "{:>8.2f}".
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_SPEC_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_SPEC_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// INVALID_ARGUMENT for a specification that Python refuses for a value of this type.
absl::StatusOr<std::string> FormatValue(const Value& value, std::string_view spec);

// A float in one of C's conversions eEfFgG, with `precision` digits.
std::string FormatDouble(double value, char conversion, int precision, bool alternate);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_SPEC_H_
