#include <string>
#include <unordered_map>

#include "server/text/template/builtins.h"
#include "server/text/template/methods.h"

namespace foregate::jinja {
namespace {

using Table = std::unordered_map<std::string, Members>;

void AddMethods(const MethodTable& methods, Members::Member Members::*type, bool is_property, Table* table) {
  for (const auto& [name, method] : methods) {
    Members::Member& member = (*table)[name].*type;
    member.method = method;
    member.is_property = is_property;
  }
}

Table MakeTable() {
  Table table;
  AddMethods(StringMethods(), &Members::string, false, &table);
  AddMethods(StringQueryMethods(), &Members::string, false, &table);
  AddMethods(ListMethods(), &Members::list, false, &table);
  AddMethods(ListMethods(), &Members::tuple, false, &table);
  AddMethods(ListMethods(), &Members::range, false, &table);
  table["copy"].tuple = table["copy"].range = {};
  AddMethods(RangeProperties(), &Members::range, true, &table);
  AddMethods(DictMethods(), &Members::dict, false, &table);
  AddMethods(ViewMethods(), &Members::view, false, &table);
  AddMethods(IntegerMethods(), &Members::integer, false, &table);
  AddMethods(NumberProperties(), &Members::integer, true, &table);
  AddMethods(FloatMethods(), &Members::floating, false, &table);
  AddMethods(NumberProperties(), &Members::floating, true, &table);
  table["numerator"].floating = table["denominator"].floating = {};
  for (const char* name : {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"}) {
    table[name].list.is_unsafe = true;
  }
  for (const char* name : {"clear", "pop", "popitem", "setdefault", "update"}) table[name].dict.is_unsafe = true;
  return table;
}

}  // namespace

const Members* FindMembers(const std::string& name) {
  static const auto* const table = new Table(MakeTable());
  const auto found = table->find(name);
  return found == table->end() ? nullptr : &found->second;
}

}  // namespace foregate::jinja
