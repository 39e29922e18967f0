// Decides, as jinja2's compiler does, which variable each name of a template means, before anything runs.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_SCOPES_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_SCOPES_H_

#include "absl/status/status.h"
#include "server/text/template/ast.h"

namespace foregate::jinja {

// Fills slots, loads and function shapes of a parsed template, and looks up its filters and tests.
//
// The rules are those of a Python program that jinja2 writes: macros, call blocks, recursive loops and loop filters are
// functions with variables of their own that see those of the functions around them; other blocks have scopes inside of
// a function. A name that a scope assigns anywhere is the scope's own from its beginning, initially the outer variable
// of that name; a name that is assigned nowhere around is the template's argument or a global.
//
// INVALID_ARGUMENT "line N, column M: ..." for an unknown filter or test outside of a condition, and for assignments to
// `loop`.
absl::Status ResolveScopes(Template* parsed);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_SCOPES_H_
