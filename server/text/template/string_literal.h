// The value of a string literal of the template language.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_STRING_LITERAL_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_STRING_LITERAL_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate::jinja {

// Resolves Python's escapes in what stands between the quotes; an unknown escape stays as it is. INVALID_ARGUMENT for a
// truncated one, for \N{...}, and for surrogates, which UTF-8 cannot hold.
absl::StatusOr<std::string> UnescapeString(std::string_view body);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_STRING_LITERAL_H_
