// Equality and order of values, as Python's == and <.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_COMPARE_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_COMPARE_H_

#include <optional>

#include "server/text/template/value.h"

namespace foregate::jinja {

// -1, 0, 1 of two numbers, exact between int and float; nothing when one is NaN.
std::optional<int> CompareNumbers(const Value& a, const Value& b);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_COMPARE_H_
