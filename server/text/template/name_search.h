// Searches of a template's tree for names, in jinja2's order.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_NAME_SEARCH_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_NAME_SEARCH_H_

#include <optional>
#include <set>
#include <string>

#include "server/text/template/ast.h"

namespace foregate::jinja {

// Those of `names` that the statements read before they, or what is inside of them, assign them.
std::set<std::string> FindUndeclared(const Body& body, std::set<std::string> names);

// Where a loop's target or an assignment inside of it sets `loop`.
std::optional<Place> FindAssignmentToLoop(const Statement& loop);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_NAME_SEARCH_H_
