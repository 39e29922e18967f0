// The methods of str, list, tuple and dict that do not change their object.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_

#include <optional>
#include <string>

#include "server/text/template/value.h"

namespace foregate::jinja {

// The method, to be called; nothing when the type has none of that name. The methods that change lists and dicts exist
// and are undefined, as in jinja2's immutable sandbox.
std::optional<Value> BindMethod(const Value& receiver, const std::string& name);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_METHODS_H_
