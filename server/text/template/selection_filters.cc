#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/filters.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"

// Filters that make generators: nothing happens, and nothing fails, before somebody asks for an item.
namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;
using Item = std::optional<Value>;
using NextItem = absl::StatusOr<Item>;

// A generator over `source` whose items `step(interpreter, iterator)` makes. The iterator exists from the first item
// on.
template <typename Step>
Result Lazily(std::string function, const Value& source, Step step) {
  return MakeGenerator(std::move(function), source,
                       [source, step = std::move(step), iterator = ItemIterator(),
                        started = false](Interpreter& interpreter) mutable -> NextItem {
                         if (!started) {
                           FOREGATE_ASSIGN_OR_RETURN(iterator, ItemIterator::Over(source));
                           started = true;
                         }
                         return step(interpreter, iterator);
                       });
}

// map(attribute="a", default=x) or map("filter", arguments...).
class Mapping {
 public:
  static absl::StatusOr<Mapping> Prepare(const Arguments& arguments) {
    Mapping mapping;
    if (arguments.positional.empty() && !arguments.named.empty()) {
      FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("map", arguments, {"attribute", "default"}, 1));
      mapping.attribute_ = bound.at(0);
      mapping.fallback_ = bound.Get(1, Value());
      return mapping;
    }
    if (arguments.positional.empty()) return TypeError("map requires a filter argument");
    mapping.name_ = ToString(arguments.positional[0]);
    mapping.filter_ = FindFilter(mapping.name_);
    mapping.by_filter_ = true;
    mapping.rest_ = arguments;
    mapping.rest_.positional.erase(mapping.rest_.positional.begin());
    return mapping;
  }

  Result Apply(Interpreter& interpreter, const Value& item) const {
    if (!by_filter_) return GetPath(interpreter, item, attribute_, fallback_);
    if (filter_ == nullptr) return absl::InvalidArgumentError("No filter named '" + name_ + "'.");
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(item)));
    FOREGATE_ASSIGN_OR_RETURN(Value mapped, filter_(interpreter, item, rest_));
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(mapped)));
    return mapped;
  }

 private:
  bool by_filter_ = false;
  Value attribute_, fallback_;
  std::string name_;
  Filter filter_ = nullptr;
  Arguments rest_;
};

Result Map(Interpreter&, const Value& value, const Arguments& arguments) {
  // jinja2 looks first whether there is anything: none and 0 give no items and no error.
  if (!IsTrue(value))
    return Lazily("sync_do_map", Value::MakeUndefined(""),
                  [](Interpreter&, ItemIterator&) -> NextItem { return Item(); });
  return Lazily("sync_do_map", value,
                [arguments, mapping = std::optional<Mapping>()](Interpreter& interpreter,
                                                                ItemIterator& items) mutable -> NextItem {
                  if (!mapping.has_value()) {
                    FOREGATE_ASSIGN_OR_RETURN(mapping, Mapping::Prepare(arguments));
                  }
                  FOREGATE_ASSIGN_OR_RETURN(const Item item, items.Next(interpreter));
                  if (!item.has_value()) return Item();
                  FOREGATE_ASSIGN_OR_RETURN(Value mapped, mapping->Apply(interpreter, *item));
                  return Item(std::move(mapped));
                });
}

// select("test", arguments...) and selectattr("attribute", "test", arguments...).
class Selection {
 public:
  static absl::StatusOr<Selection> Prepare(const Arguments& arguments, bool by_attribute) {
    Selection selection;
    selection.rest_ = arguments;
    auto& positional = selection.rest_.positional;
    if (by_attribute) {
      if (positional.empty()) return TypeError("Missing parameter for attribute name");
      selection.attribute_ = positional.front();
      positional.erase(positional.begin());
    }
    if (!positional.empty()) {
      selection.name_ = ToString(positional.front());
      positional.erase(positional.begin());
      selection.by_test_ = true;
      selection.test_ = FindTest(selection.name_);
    }
    return selection;
  }

  absl::StatusOr<bool> Passes(Interpreter& interpreter, const Value& item) const {
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(ShallowWeight(item)));
    FOREGATE_ASSIGN_OR_RETURN(const Value subject, GetPath(interpreter, item, attribute_));
    if (!by_test_) return IsTrue(subject);
    if (test_ == nullptr) return absl::InvalidArgumentError("No test named '" + name_ + "'.");
    return test_(interpreter, subject, rest_);
  }

 private:
  Value attribute_;
  bool by_test_ = false;
  std::string name_;
  Test test_ = nullptr;
  Arguments rest_;
};

template <bool kByAttribute, bool kKeep>
Result Select(Interpreter&, const Value& value, const Arguments& arguments) {
  const char* const function = kByAttribute ? (kKeep ? "sync_do_selectattr" : "sync_do_rejectattr")
                                            : (kKeep ? "sync_do_select" : "sync_do_reject");
  if (!IsTrue(value))
    return Lazily(function, Value::MakeUndefined(""), [](Interpreter&, ItemIterator&) -> NextItem { return Item(); });
  return Lazily(function, value,
                [arguments, selection = std::optional<Selection>()](Interpreter& interpreter,
                                                                    ItemIterator& items) mutable -> NextItem {
                  if (!selection.has_value()) {
                    FOREGATE_ASSIGN_OR_RETURN(selection, Selection::Prepare(arguments, kByAttribute));
                  }
                  while (true) {
                    FOREGATE_ASSIGN_OR_RETURN(Item item, items.Next(interpreter));
                    if (!item.has_value()) return Item();
                    FOREGATE_ASSIGN_OR_RETURN(const bool passes, selection->Passes(interpreter, *item));
                    if (passes == kKeep) return item;
                  }
                });
}

Result Items(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_RETURN_IF_ERROR(Bound::Bind("items", arguments, {}).status());
  return MakeGenerator("do_items", value, [value, position = size_t{0}](Interpreter&) mutable -> NextItem {
    if (value.is_undefined()) return Item();
    if (!value.is_dict()) return TypeError("Can only get item pairs from a mapping.");
    if (position == value.dict().entries().size()) return Item();
    const auto& [key, element] = value.dict().entries()[position++];
    FOREGATE_ASSIGN_OR_RETURN(Value pair, MakeTuple({key, element}));
    return Item(std::move(pair));
  });
}

// What was seen: strings by hash, anything else compared one by one.
class SeenValues {
 public:
  absl::StatusOr<bool> Insert(Interpreter& interpreter, const Value& value) {
    if (!IsHashable(value)) return TypeError("unhashable type: '" + std::string(TypeName(value)) + "'");
    if (value.is_string()) return strings_.insert(value.string()).second;
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(8 * others_.size()));
    if (std::ranges::any_of(others_, [&](const Value& other) { return Equal(other, value); })) return false;
    others_.push_back(value);
    return true;
  }

 private:
  std::unordered_set<std::string> strings_;
  std::vector<Value> others_;
};

Result Unique(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("unique", arguments, {"case_sensitive", "attribute"}));
  const bool case_sensitive = bound.GetBool(0, false);
  return Lazily("sync_do_unique", value,
                [case_sensitive, attribute = bound.Get(1, Value()), seen = SeenValues()](
                    Interpreter& interpreter, ItemIterator& items) mutable -> NextItem {
                  while (true) {
                    FOREGATE_ASSIGN_OR_RETURN(Item item, items.Next(interpreter));
                    if (!item.has_value()) return Item();
                    FOREGATE_ASSIGN_OR_RETURN(Value key, GetPath(interpreter, *item, attribute));
                    if (!case_sensitive) key = FoldCase(key);
                    FOREGATE_ASSIGN_OR_RETURN(const bool is_new, seen.Insert(interpreter, key));
                    if (is_new) return item;
                  }
                });
}

Result Batch(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("batch", arguments, {"linecount", "fill_with"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t count, bound.GetInt(0, 1));
  // One item is read before a full batch is given, as jinja2 does.
  return Lazily("do_batch", value,
                [count, fill = bound.Get(1, Value()), batch = std::vector<Value>(), ended = false](
                    Interpreter& interpreter, ItemIterator& items) mutable -> NextItem {
                  while (!ended) {
                    FOREGATE_ASSIGN_OR_RETURN(Item item, items.Next(interpreter));
                    if (!item.has_value()) break;
                    const bool full = static_cast<int64_t>(batch.size()) == count;
                    std::vector<Value> ready;
                    if (full) ready.swap(batch);
                    batch.push_back(*std::move(item));
                    if (!full) continue;
                    FOREGATE_ASSIGN_OR_RETURN(Value list, MakeList(std::move(ready)));
                    return Item(std::move(list));
                  }
                  if (std::exchange(ended, true) || batch.empty()) return Item();
                  if (!fill.is_none() && count > static_cast<int64_t>(batch.size())) {
                    FOREGATE_RETURN_IF_ERROR(CheckStringSize(static_cast<size_t>(count)));
                    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(16 * static_cast<size_t>(count)));
                    batch.resize(static_cast<size_t>(count), fill);
                  }
                  FOREGATE_ASSIGN_OR_RETURN(Value list, MakeList(std::move(batch)));
                  return Item(std::move(list));
                });
}

Result Slice(Interpreter&, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("slice", arguments, {"slices", "fill_with"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const int64_t count, bound.GetInt(0, 1));
  return MakeGenerator("sync_do_slice", value,
                       [count, value, fill = bound.Get(1, Value()), items = std::optional<std::vector<Value>>(),
                        number = int64_t{0}, begin = int64_t{0}](Interpreter& interpreter) mutable -> NextItem {
                         if (!items.has_value()) {
                           FOREGATE_ASSIGN_OR_RETURN(items, Iterate(interpreter, value));
                           if (count == 0) return TypeError("integer division or modulo by zero");
                         }
                         if (number >= count) return Item();
                         const auto length = static_cast<int64_t>(items->size());
                         const bool longer = number < length % count;
                         const int64_t end = begin + length / count + (longer ? 1 : 0);
                         std::vector<Value> part(items->begin() + begin, items->begin() + end);
                         if (!longer && !fill.is_none()) part.push_back(fill);
                         begin = end;
                         ++number;
                         FOREGATE_ASSIGN_OR_RETURN(Value list, MakeList(std::move(part)));
                         return Item(std::move(list));
                       });
}

Result MakeGroup(Value grouper, std::vector<Value> members) {
  FOREGATE_ASSIGN_OR_RETURN(Value list, MakeList(std::move(members)));
  FOREGATE_ASSIGN_OR_RETURN(const Value pair, MakeTuple({std::move(grouper), std::move(list)}));
  auto group = MakeRef<List>(pair.list());
  group->is_group = true;
  return Value::Of(group);
}

Result GroupBy(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound,
                            Bound::Bind("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> items, Iterate(interpreter, value));
  const Value fallback = bound.Get(1, Value());
  std::vector<Value> keys;
  for (const Value& item : items) {
    FOREGATE_ASSIGN_OR_RETURN(const Value key, GetPath(interpreter, item, bound.at(0), fallback));
    keys.push_back(bound.GetBool(2, false) ? key : FoldCase(key));
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(10 * Weight(key)));
  }
  FOREGATE_ASSIGN_OR_RETURN(const auto sorted, SortBy(keys, items, false));
  FOREGATE_ASSIGN_OR_RETURN(const auto sorted_keys, SortBy(keys, keys, false));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < sorted.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < sorted.size() && Equal(sorted_keys[end], sorted_keys[begin])) members.push_back(sorted[end++]);
    // The key as the first of them has it, in its case.
    FOREGATE_ASSIGN_OR_RETURN(Value key, GetPath(interpreter, sorted[begin], bound.at(0), fallback));
    FOREGATE_ASSIGN_OR_RETURN(groups.emplace_back(), MakeGroup(std::move(key), std::move(members)));
    begin = end;
  }
  return MakeList(std::move(groups));
}

}  // namespace

const FilterTable& SelectionFilters() {
  static const auto* const table = new FilterTable{
      {"map", &Map},
      {"select", &Select<false, true>},
      {"reject", &Select<false, false>},
      {"selectattr", &Select<true, true>},
      {"rejectattr", &Select<true, false>},
      {"items", &Items},
      {"unique", &Unique},
      {"batch", &Batch},
      {"slice", &Slice},
      {"groupby", &GroupBy},
  };
  return *table;
}

}  // namespace foregate::jinja
