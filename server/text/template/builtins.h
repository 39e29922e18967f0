// The filters, tests and global functions of the template language.
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
using Test = absl::StatusOr<bool> (*)(const Value& value, const Arguments& arguments);

// Null for an unknown name, which is an error only where the template reaches it.
Filter FindFilter(const std::string& name);
Test FindTest(const std::string& name);
// Undefined for an unknown name.
Value FindGlobal(const std::string& name);

// The two halves of FindFilter's table.
const FilterTable& ScalarFilters();
const FilterTable& SequenceFilters();

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_BUILTINS_H_
