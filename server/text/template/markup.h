// Escaping for HTML, as MarkupSafe does it.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_MARKUP_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_MARKUP_H_

#include <string>
#include <string_view>

#include "server/text/template/value.h"

namespace foregate::jinja {

std::string EscapeHtml(std::string_view text);
// The value as text that is safe to stand in Markup: Markup as it is, anything else printed and escaped.
std::string EscapedText(const Value& value);
// Without comments and tags, white space folded, entities resolved.
std::string StripTags(std::string_view text);
std::string UnescapeHtml(std::string_view text);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_MARKUP_H_
