#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// "a.b.0" from an item, as the attribute arguments of filters mean it: items before attributes. A default that is not
// None stands in at every step that finds nothing.
Result GetPath(const Value& item, const Value& path, const Value& fallback = Value()) {
  const auto or_fallback = [&](const Value& found) {
    return found.is_undefined() && !fallback.is_none() ? fallback : found;
  };
  if (!path.is_string()) {
    FOREGATE_ASSIGN_OR_RETURN(const Value found, GetItem(item, path));
    return or_fallback(found);
  }
  Value value = item;
  for (const std::string& part : Split(path.string(), ".", -1)) {
    const bool numeric = AllOf(part, CharacterClass::kDecimal) && part.size() < 10;
    FOREGATE_ASSIGN_OR_RETURN(value, GetItem(value, numeric ? Value::Int(std::stoi(part)) : Value::String(part)));
    value = or_fallback(value);
  }
  return value;
}

Value FoldCase(const Value& value) { return value.is_string() ? Value::String(Lower(value.string())) : value; }

Result LengthFilter(Interpreter&, const Value& value, const Arguments&) {
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(value));
  return Value::Int(length);
}

Result ListFilter(Interpreter&, const Value& value, const Arguments&) {
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value));
  return MakeList(std::move(items));
}

Result First(Interpreter&, const Value& value, const Arguments&) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  return items.empty() ? Value::MakeUndefined("No first item, sequence was empty.") : items.front();
}

Result Last(Interpreter&, const Value& value, const Arguments&) {
  if (value.is_list() && !value.list().has_length()) return TypeError("'generator' object is not reversible");
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  return items.empty() ? Value::MakeUndefined("No last item, sequence was empty.") : items.back();
}

Result Join(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("join", arguments, {"d", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  const std::string separator = ToString(bound.Get(0, Value::String("")));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += separator;
    Value item = items[i];
    if (!bound.absent(1)) {
      FOREGATE_ASSIGN_OR_RETURN(item, GetPath(item, bound.at(1)));
    }
    out += ToString(item);
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
  }
  return Value::String(std::move(out));
}

Result Reverse(Interpreter&, const Value& value, const Arguments&) {
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(value));
  std::reverse(items.begin(), items.end());
  if (!value.is_string()) return MakeList(std::move(items), List::Kind::kGenerator);
  std::string out;
  for (const Value& character : items) out += character.string();
  return Value::String(std::move(out));
}

Result Items(Interpreter&, const Value& value, const Arguments&) {
  if (value.is_undefined()) return MakeList({}, List::Kind::kGenerator);
  if (!value.is_dict()) return TypeError("Can only get item pairs from a mapping.");
  std::vector<Value> pairs;
  for (const auto& [key, element] : value.dict().entries()) {
    FOREGATE_ASSIGN_OR_RETURN(pairs.emplace_back(), MakeList({key, element}, List::Kind::kTuple));
  }
  return MakeList(std::move(pairs), List::Kind::kGenerator);
}

// Stable; `keys` are compared and the items of the same index move along.
absl::StatusOr<std::vector<Value>> SortBy(const std::vector<Value>& keys, const std::vector<Value>& items,
                                          bool reverse) {
  std::vector<size_t> order(items.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  absl::Status status;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (!status.ok()) return false;
    const auto less = reverse ? Less(keys[b], keys[a]) : Less(keys[a], keys[b]);
    if (!less.ok()) status = less.status();
    return less.ok() && *less;
  });
  FOREGATE_RETURN_IF_ERROR(status);
  std::vector<Value> sorted;
  for (const size_t i : order) sorted.push_back(items[i]);
  return sorted;
}

// The values that items are compared by: the items, or their attribute ("a,b" for a tuple of them).
absl::StatusOr<std::vector<Value>> SortKeys(const std::vector<Value>& items, const Value& attribute,
                                            bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    Value key = item;
    if (attribute.is_string() && attribute.string().find(',') != std::string::npos) {
      std::vector<Value> parts;
      for (const std::string& path : Split(attribute.string(), ",", -1)) {
        FOREGATE_ASSIGN_OR_RETURN(const Value part, GetPath(item, Value::String(path)));
        parts.push_back(case_sensitive ? part : FoldCase(part));
      }
      FOREGATE_ASSIGN_OR_RETURN(key, MakeList(std::move(parts)));
    } else if (!attribute.is_none()) {
      FOREGATE_ASSIGN_OR_RETURN(key, GetPath(item, attribute));
    }
    keys.push_back(case_sensitive ? key : FoldCase(key));
  }
  return keys;
}

Result Sort(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  FOREGATE_ASSIGN_OR_RETURN(const auto keys, SortKeys(items, bound.Get(2, Value()), bound.GetBool(1, false)));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> sorted, SortBy(keys, items, bound.GetBool(0, false)));
  return MakeList(std::move(sorted));
}

Result DictSort(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::string by, bound.GetString(1, "key"));
  if (!value.is_dict()) return TypeError("dictsort needs a dict, not " + TypeName(value));
  if (by != "key" && by != "value")
    return absl::InvalidArgumentError("You can only sort by either \"key\" or \"value\"");
  std::vector<Value> keys, pairs;
  for (const auto& [key, element] : value.dict().entries()) {
    const Value& sorted_by = by == "key" ? key : element;
    keys.push_back(bound.GetBool(0, false) ? sorted_by : FoldCase(sorted_by));
    FOREGATE_ASSIGN_OR_RETURN(pairs.emplace_back(), MakeList({key, element}, List::Kind::kTuple));
  }
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> sorted, SortBy(keys, pairs, bound.GetBool(2, false)));
  return MakeList(std::move(sorted));
}

Result Unique(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("unique", arguments, {"case_sensitive", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  FOREGATE_ASSIGN_OR_RETURN(const auto keys, SortKeys(items, bound.Get(1, Value()), bound.GetBool(0, false)));
  std::vector<Value> seen, unique;
  for (size_t i = 0; i < items.size(); ++i) {
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(8 * seen.size()));
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& other) { return Equal(other, keys[i]); })) continue;
    seen.push_back(keys[i]);
    unique.push_back(items[i]);
  }
  return MakeList(std::move(unique), List::Kind::kGenerator);
}

template <bool kMax>
Result Extreme(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("max", arguments, {"case_sensitive", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  FOREGATE_ASSIGN_OR_RETURN(const auto keys, SortKeys(items, bound.Get(1, Value()), bound.GetBool(0, false)));
  if (items.empty()) return Value::MakeUndefined("No aggregated item, sequence was empty.");
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(const bool better, kMax ? Less(keys[best], keys[i]) : Less(keys[i], keys[best]));
    if (better) best = i;
  }
  return items[best];
}

Result Sum(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("sum", arguments, {"attribute", "start"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  Value total = bound.Get(1, Value::Int(0));
  for (const Value& item : items) {
    Value term = item;
    if (!bound.absent(0)) {
      FOREGATE_ASSIGN_OR_RETURN(term, GetPath(item, bound.at(0)));
    }
    FOREGATE_ASSIGN_OR_RETURN(total, ApplyBinary(BinaryOperator::kAdd, total, term));
  }
  return total;
}

Result Batch(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("batch", arguments, {"linecount", "fill_with"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t count, bound.GetInt(0, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  if (count < 1 || count > 100'000) return absl::InvalidArgumentError("batch(): linecount out of range");
  std::vector<Value> batches;
  for (size_t begin = 0; begin < items.size(); begin += static_cast<size_t>(count)) {
    const size_t end = std::min(items.size(), begin + static_cast<size_t>(count));
    std::vector<Value> batch(items.begin() + static_cast<ptrdiff_t>(begin),
                             items.begin() + static_cast<ptrdiff_t>(end));
    if (!bound.absent(1)) batch.resize(static_cast<size_t>(count), bound.at(1));
    FOREGATE_ASSIGN_OR_RETURN(batches.emplace_back(), MakeList(std::move(batch)));
  }
  return MakeList(std::move(batches), List::Kind::kGenerator);
}

Result GroupBy(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("groupby", arguments, {"attribute"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  FOREGATE_ASSIGN_OR_RETURN(const auto keys, SortKeys(items, bound.at(0), false));
  FOREGATE_ASSIGN_OR_RETURN(const auto sorted, SortBy(keys, items, false));
  FOREGATE_ASSIGN_OR_RETURN(const auto sorted_keys, SortKeys(sorted, bound.at(0), false));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < sorted.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < sorted.size() && Equal(sorted_keys[end], sorted_keys[begin])) members.push_back(sorted[end++]);
    FOREGATE_ASSIGN_OR_RETURN(const Value key, GetPath(sorted[begin], bound.at(0)));
    FOREGATE_ASSIGN_OR_RETURN(const Value list, MakeList(std::move(members)));
    FOREGATE_ASSIGN_OR_RETURN(groups.emplace_back(), MakeList({key, list}, List::Kind::kTuple));
    begin = end;
  }
  return MakeList(std::move(groups));
}

// map(attribute="a", default=x) or map("filter", arguments...).
Result Map(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  std::vector<Value> mapped;
  if (arguments.positional.empty()) {
    FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("map", arguments, {"attribute", "default"}, 1));
    for (const Value& item : items) {
      FOREGATE_ASSIGN_OR_RETURN(const Value part, GetPath(item, bound.at(0), bound.Get(1, Value())));
      mapped.push_back(part);
    }
    return MakeList(std::move(mapped), List::Kind::kGenerator);
  }
  const std::string name = ToString(arguments.positional[0]);
  const Filter filter = FindFilter(name);
  if (filter == nullptr) return absl::InvalidArgumentError("No filter named '" + name + "'.");
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (const Value& item : items) {
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(item)));
    FOREGATE_ASSIGN_OR_RETURN(mapped.emplace_back(), filter(interpreter, item, rest));
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(mapped.back())));
  }
  return MakeList(std::move(mapped), List::Kind::kGenerator);
}

// select("test", arguments...) and selectattr("attribute", "test", arguments...), and their opposites.
template <bool kByAttribute, bool kKeep>
Result Select(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(value));
  Arguments rest = arguments;
  const auto take = [&] {
    const Value front = rest.positional.front();
    rest.positional.erase(rest.positional.begin());
    return front;
  };
  if (kByAttribute && rest.positional.empty()) return TypeError("Missing parameter for attribute name");
  const Value attribute = kByAttribute ? take() : Value();
  Test test = nullptr;
  if (!rest.positional.empty()) {
    const std::string name = ToString(take());
    test = FindTest(name);
    if (test == nullptr) return absl::InvalidArgumentError("No test named '" + name + "'.");
  }
  std::vector<Value> kept;
  for (const Value& item : items) {
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(item)));
    Value subject = item;
    if (kByAttribute) {
      FOREGATE_ASSIGN_OR_RETURN(subject, GetPath(item, attribute));
    }
    bool passes = IsTrue(subject);
    if (test != nullptr) {
      FOREGATE_ASSIGN_OR_RETURN(passes, test(subject, rest));
    }
    if (passes == kKeep) kept.push_back(item);
  }
  return MakeList(std::move(kept), List::Kind::kGenerator);
}

}  // namespace

const FilterTable& SequenceFilters() {
  static const auto* const table = new FilterTable{
      {"length", &LengthFilter},
      {"count", &LengthFilter},
      {"list", &ListFilter},
      {"first", &First},
      {"last", &Last},
      {"join", &Join},
      {"reverse", &Reverse},
      {"items", &Items},
      {"sort", &Sort},
      {"dictsort", &DictSort},
      {"unique", &Unique},
      {"max", &Extreme<true>},
      {"min", &Extreme<false>},
      {"sum", &Sum},
      {"batch", &Batch},
      {"groupby", &GroupBy},
      {"map", &Map},
      {"select", &Select<false, true>},
      {"reject", &Select<false, false>},
      {"selectattr", &Select<true, true>},
      {"rejectattr", &Select<true, false>},
  };
  return *table;
}

Filter FindFilter(const std::string& name) {
  for (const FilterTable* table : {&ScalarFilters(), &SequenceFilters()}) {
    if (const auto found = table->find(name); found != table->end()) return found->second;
  }
  return nullptr;
}

}  // namespace foregate::jinja
