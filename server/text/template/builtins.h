// The filters, tests, methods and global functions of the template language.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_BUILTINS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_BUILTINS_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

using Filter = absl::StatusOr<Value> (*)(Interpreter&, const Value& value, const Arguments& arguments);
using FilterTable = std::unordered_map<std::string, Filter>;
using Test = absl::StatusOr<bool> (*)(Interpreter&, const Value& value, const Arguments& arguments);
using Method = absl::StatusOr<Value> (*)(Interpreter&, const Value& self, const Arguments& arguments);
using MethodTable = std::unordered_map<std::string, Method>;

// What one name means as an attribute of each built-in type; null where the type has no such attribute.
struct Members {
  struct Member {
    Method method = nullptr;
    bool is_property = false;  // called at once: 5 .real, range(3).start
    bool is_unsafe = false;    // there, and refused by the immutable sandbox
  };
  Member string, list, tuple, dict, integer, floating, range, view;
};

// Null for an unknown name, which is an error only where the template reaches it.
Filter FindFilter(const std::string& name);
Test FindTest(const std::string& name);
// Null when no type has an attribute of that name.
const Members* FindMembers(const std::string& name);
// Missing for an unknown name.
Value FindGlobal(const std::string& name);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_BUILTINS_H_
