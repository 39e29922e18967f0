#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/access.h"
#include "server/text/template/arguments.h"
#include "server/text/template/filters.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/template/py_string.h"

// Filters over sequences that answer at once.
namespace foregate::jinja {

using Result = absl::StatusOr<Value>;

Result GetPath(Interpreter& interpreter, const Value& item, const Value& path, const Value& fallback) {
  const auto or_fallback = [&](const Value& found) {
    return found.is_undefined() && !fallback.is_none() ? fallback : found;
  };
  if (path.is_none()) return item;
  if (!path.is_string()) {
    FOREGATE_ASSIGN_OR_RETURN(const Value found, GetItem(interpreter, item, path));
    return or_fallback(found);
  }
  Value value = item;
  for (const std::string& part : Split(path.string(), ".", -1)) {
    const bool numeric = AllOf(part, CharacterClass::kDecimal) && part.size() < 10;
    const Value index = numeric ? Value::Int(std::stoi(part)) : Value::String(part);
    FOREGATE_ASSIGN_OR_RETURN(value, GetItem(interpreter, value, index));
    value = or_fallback(value);
  }
  return value;
}

Value FoldCase(const Value& value) { return value.is_string() ? Value::String(Lower(value.string())) : value; }

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
  sorted.reserve(order.size());
  for (const size_t i : order) sorted.push_back(items[i]);
  return sorted;
}

namespace {

// Comparing costs what is compared; sorting compares each key some ten times.
absl::Status ChargeSort(Interpreter& interpreter, const std::vector<Value>& keys) {
  for (const Value& key : keys) FOREGATE_RETURN_IF_ERROR(interpreter.Charge(10 * Weight(key)));
  return absl::OkStatus();
}

Result LengthFilter(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("length", arguments, {}).status());
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(value));
  return Value::Int(length);
}

Result ListFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("list", arguments, {}).status());
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(interpreter, value));
  return MakeList(std::move(items));
}

Result First(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("first", arguments, {}).status());
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(value));
  FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> item, iterator.Next(interpreter));
  return item.has_value() ? *std::move(item) : Value::MakeUndefined("No first item, sequence was empty.");
}

absl::Status NotReversible(const Value& value) {
  return TypeError("'" + std::string(TypeName(value)) + "' object is not reversible");
}

Result Last(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("last", arguments, {}).status());
  if (value.is_object()) return NotReversible(value);
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, value));
  return items.empty() ? Value::MakeUndefined("No last item, sequence was empty.") : items.back();
}

Result Random(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("random", arguments, {}).status());
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(value));
  if (length == 0) return Value::MakeUndefined("No random item, sequence was empty.");
  if (length > 1) return absl::InvalidArgumentError("'random' would make the prompt differ from call to call");
  return GetItem(interpreter, value, Value::Int(0));
}

Result Join(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("join", arguments, {"d", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(value));
  const std::string separator = ToString(bound.Get(0, Value::String("")));
  std::string out;
  for (bool first = true;; first = false) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> item, iterator.Next(interpreter));
    if (!item.has_value()) return Value::String(std::move(out));
    if (!first) out += separator;
    FOREGATE_ASSIGN_OR_RETURN(const Value part, GetPath(interpreter, *item, bound.Get(1, Value())));
    out += ToString(part);
    FOREGATE_RETURN_IF_ERROR(CheckStringSize(out.size()));
  }
}

const char* ReverseIteratorName(const Value& value) {
  if (value.is_dict()) return "dict_reversekeyiterator";
  if (!value.is_list()) return "reversed";
  switch (value.list().kind) {
    case List::Kind::kList:
      return "list_reverseiterator";
    case List::Kind::kRange:
      return "range_iterator";
    case List::Kind::kDictKeys:
      return "dict_reversekeyiterator";
    case List::Kind::kDictValues:
      return "dict_reversevalueiterator";
    case List::Kind::kDictItems:
      return "dict_reverseitemiterator";
    case List::Kind::kTuple:
      break;
  }
  return "reversed";
}

Result Reverse(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("reverse", arguments, {}).status());
  if (value.is_string()) return GetSlice(value, Value(), Value(), Value::Int(-1));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> items, Iterate(interpreter, value));
  std::reverse(items.begin(), items.end());
  if (value.is_object()) return MakeList(std::move(items));  // what cannot be reversed is listed first
  return MakeIterator(ReverseIteratorName(value), std::move(items));
}

// The values that items are compared by, as lists: the items, or their attributes ("a,b" for two of them).
absl::StatusOr<std::vector<Value>> SortKeys(Interpreter& interpreter, const std::vector<Value>& items,
                                            const Value& attribute, bool case_sensitive) {
  std::vector<Value> paths = {attribute};
  if (attribute.is_string()) {
    paths.clear();
    for (std::string& path : Split(attribute.string(), ",", -1)) paths.push_back(Value::String(std::move(path)));
  }
  std::vector<Value> keys;
  keys.reserve(items.size());
  for (const Value& item : items) {
    std::vector<Value> parts;
    for (const Value& path : paths) {
      FOREGATE_ASSIGN_OR_RETURN(const Value part, GetPath(interpreter, item, path));
      parts.push_back(case_sensitive ? part : FoldCase(part));
    }
    FOREGATE_ASSIGN_OR_RETURN(keys.emplace_back(), MakeList(std::move(parts)));
  }
  FOREGATE_RETURN_IF_ERROR(ChargeSort(interpreter, keys));
  return keys;
}

Result Sort(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, value));
  FOREGATE_ASSIGN_OR_RETURN(const auto keys,
                            SortKeys(interpreter, items, bound.Get(2, Value()), bound.GetBool(1, false)));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> sorted, SortBy(keys, items, bound.GetBool(0, false)));
  return MakeList(std::move(sorted));
}

Result DictSort(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  const Value by = bound.Get(1, Value::String("key"));
  const bool by_key = by.is_string() && by.string() == "key";
  if (!by_key && !(by.is_string() && by.string() == "value")) {
    return absl::InvalidArgumentError("You can only sort by either \"key\" or \"value\"");
  }
  if (!value.is_dict()) return TypeError("dictsort needs a dict, not " + std::string(TypeName(value)));
  std::vector<Value> keys, pairs;
  for (const auto& [key, element] : value.dict().entries()) {
    const Value& sorted_by = by_key ? key : element;
    keys.push_back(bound.GetBool(0, false) ? sorted_by : FoldCase(sorted_by));
    FOREGATE_ASSIGN_OR_RETURN(pairs.emplace_back(), MakeTuple({key, element}));
  }
  FOREGATE_RETURN_IF_ERROR(ChargeSort(interpreter, keys));
  FOREGATE_ASSIGN_OR_RETURN(std::vector<Value> sorted, SortBy(keys, pairs, bound.GetBool(2, false)));
  return MakeList(std::move(sorted));
}

template <bool kMax>
Result Extreme(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("max", arguments, {"case_sensitive", "attribute"}));
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(value));
  std::optional<Value> best, best_key;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> item, iterator.Next(interpreter));
    if (!item.has_value()) break;
    FOREGATE_ASSIGN_OR_RETURN(Value key, GetPath(interpreter, *item, bound.Get(1, Value())));
    if (!bound.GetBool(0, false)) key = FoldCase(key);
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(Weight(key)));
    bool better = !best.has_value();
    if (!better) {
      FOREGATE_ASSIGN_OR_RETURN(better, kMax ? Less(*best_key, key) : Less(key, *best_key));
    }
    if (!better) continue;
    best = item;
    best_key = std::move(key);
  }
  return best.has_value() ? *best : Value::MakeUndefined("No aggregated item, sequence was empty.");
}

Result Sum(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("sum", arguments, {"attribute", "start"}));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, value));
  Value total = bound.Get(1, Value::Int(0));
  if (total.is_string()) return TypeError("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items) {
    FOREGATE_ASSIGN_OR_RETURN(const Value term, GetPath(interpreter, item, bound.Get(0, Value())));
    FOREGATE_ASSIGN_OR_RETURN(total, ApplyBinary(BinaryOperator::kAdd, total, term));
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(total)));
  }
  return total;
}

}  // namespace

const FilterTable& SequenceFilters() {
  static const auto* const table = new FilterTable{
      {"length", &LengthFilter},
      {"count", &LengthFilter},
      {"list", &ListFilter},
      {"first", &First},
      {"last", &Last},
      {"random", &Random},
      {"join", &Join},
      {"reverse", &Reverse},
      {"sort", &Sort},
      {"dictsort", &DictSort},
      {"max", &Extreme<true>},
      {"min", &Extreme<false>},
      {"sum", &Sum},
  };
  return *table;
}

}  // namespace foregate::jinja
