// The tables that FindFilter() looks in, by what the filters work on.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_FILTERS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_FILTERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/template/builtins.h"

namespace foregate::jinja {

const FilterTable& TextFilters();
const FilterTable& LayoutFilters();  // wrapped and pretty-printed text
const FilterTable& HtmlFilters();
const FilterTable& NumberFilters();
const FilterTable& SequenceFilters();   // those that answer at once
const FilterTable& SelectionFilters();  // those that make generators, and groupby

// The argument of indent and tojson: a text, or how many blanks.
absl::StatusOr<std::string> IndentText(const Value& width);

// "a.b.0" from an item, as the attribute arguments of filters mean it: items before attributes. A default that is not
// None stands in at every step that finds nothing.
absl::StatusOr<Value> GetPath(Interpreter& interpreter, const Value& item, const Value& path,
                              const Value& fallback = Value());
// Lower case of a string, anything else as it is.
Value FoldCase(const Value& value);
// Stable; `keys` are compared and the items of the same index move along.
absl::StatusOr<std::vector<Value>> SortBy(const std::vector<Value>& keys, const std::vector<Value>& items,
                                          bool reverse);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_FILTERS_H_
