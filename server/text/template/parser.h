// Parses a template's source.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_PARSER_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_PARSER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"

namespace foregate::jinja {

// INVALID_ARGUMENT "NAME: line N, column M: ..." for what jinja2 refuses to compile, and for tags that reach other
// templates.
absl::StatusOr<std::unique_ptr<const Template>> ParseTemplate(std::string_view source, std::string name_for_errors);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_PARSER_H_
