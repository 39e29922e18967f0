#include <string>
#include <utility>

#include "server/text/template/filters.h"

// Filters that lay text out.
namespace foregate::jinja {

const FilterTable& LayoutFilters() {
  static const auto* const table = new FilterTable{};
  return *table;
}

}  // namespace foregate::jinja
