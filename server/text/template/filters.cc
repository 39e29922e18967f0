#include "server/text/template/filters.h"

namespace foregate::jinja {

Filter FindFilter(const std::string& name) {
  for (const FilterTable* table :
       {&TextFilters(), &SequenceFilters(), &SelectionFilters(), &NumberFilters(), &HtmlFilters(), &LayoutFilters()}) {
    if (const auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace foregate::jinja
