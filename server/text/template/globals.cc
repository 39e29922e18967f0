#include <ctime>
#include <memory>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/function.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/limits.h"
#include "server/text/template/namespace.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Range(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("range", arguments, {"start", "stop", "step"}, 1));
  auto list = std::make_shared<List>();
  list->kind = List::Kind::kRange;
  FOREGATE_ASSIGN_OR_RETURN(list->range_stop, bound.GetInt(bound.has(1) ? 1 : 0, 0));
  FOREGATE_ASSIGN_OR_RETURN(list->range_start, bound.has(1) ? bound.GetInt(0, 0) : absl::StatusOr<int64_t>(0));
  FOREGATE_ASSIGN_OR_RETURN(list->range_step, bound.GetInt(2, 1));
  if (list->range_step == 0) return absl::InvalidArgumentError("range() arg 3 must not be zero");
  const bool up = list->range_step > 0;
  for (int64_t i = list->range_start; up ? i < list->range_stop : i > list->range_stop;) {
    if (list->items.size() >= static_cast<size_t>(Limits::kMaxRange)) {
      return absl::InvalidArgumentError("Range too big. The sandbox blocks ranges larger than 100000.");
    }
    list->items.push_back(Value::Int(i));
    if (__builtin_add_overflow(i, list->range_step, &i)) break;
  }
  list->weight = 8 * list->items.size() + 1;
  return Value::Of(std::shared_ptr<const List>(std::move(list)));
}

// dict() and namespace() take pairs or a mapping, and names.
absl::StatusOr<Dict> ReadDict(const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) return TypeError("dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is_dict()) {
      dict = source.dict();
    } else {
      FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> pairs, Iterate(source));
      for (const Value& pair : pairs) {
        FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> parts, Iterate(pair));
        if (parts.size() != 2) return TypeError("dictionary update sequence element must have length 2");
        dict.Set(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.Set(Value::String(name), value);
  return dict;
}

Result DictFunction(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(Dict dict, ReadDict(arguments));
  return MakeDict(std::move(dict));
}

Result NamespaceFunction(Interpreter& interpreter, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Dict dict, ReadDict(arguments));
  const auto object = std::make_shared<Namespace>();
  for (const auto& [key, value] : dict.entries()) object->Set(ToString(key), value);
  return interpreter.Own(object);
}

Result RaiseException(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("raise_exception", arguments, {"message"}, 1));
  return absl::InvalidArgumentError(ToString(bound.at(0)));
}

Result StrftimeNow(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("strftime_now", arguments, {"format"}, 1));
  FOREGATE_ASSIGN_OR_RETURN(const std::string format, bound.GetString(0, ""));
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char buffer[1024];
  if (format.size() > 256) return absl::InvalidArgumentError("strftime_now(): format longer than 256 bytes");
  return Value::String(
      Utf8Lossy(std::string_view(buffer, std::strftime(buffer, sizeof(buffer), format.c_str(), &local))));
}

// joiner(): nothing at the first call, the separator at all others.
Result JoinerFunction(Interpreter& interpreter, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("joiner", arguments, {"sep"}));
  const Value separator = bound.Get(0, Value::String(", "));
  const auto used = std::make_shared<bool>(false);
  return interpreter.Own(std::make_shared<Function>("joiner", [=](Interpreter&, const Arguments&) -> Result {
    if (*used) return separator;
    *used = true;
    return Value::String("");
  }));
}

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}

  std::string Name() const override { return "Cycler"; }
  absl::StatusOr<std::optional<Value>> Attribute(std::string_view name) override {
    if (name == "current") return std::optional(items_[position_]);
    const bool is_next = name == "next";
    if (!is_next && name != "reset") return std::optional<Value>();
    return std::optional(MakeFunction(std::string(name), [this, is_next](Interpreter&, const Arguments&) -> Result {
      const Value current = items_[position_];
      position_ = is_next ? (position_ + 1) % items_.size() : 0;
      return is_next ? current : Value();
    }));
  }
  // Keeps one item, so that what still points here stays valid.
  void Clear() override {
    items_.assign(1, Value());
    position_ = 0;
  }

 private:
  std::vector<Value> items_;
  size_t position_ = 0;
};

Result CyclerFunction(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.empty()) return TypeError("at least one item has to be provided");
  return interpreter.Own(std::make_shared<Cycler>(arguments.positional));
}

}  // namespace

Value FindGlobal(const std::string& name) {
  static const auto* const table = new std::unordered_map<std::string, Value>{
      {"range", MakeFunction("range", &Range)},
      {"dict", MakeFunction("dict", &DictFunction)},
      {"namespace", MakeFunction("namespace", &NamespaceFunction)},
      {"joiner", MakeFunction("joiner", &JoinerFunction)},
      {"cycler", MakeFunction("cycler", &CyclerFunction)},
      {"raise_exception", MakeFunction("raise_exception", &RaiseException)},
      {"strftime_now", MakeFunction("strftime_now", &StrftimeNow)},
  };
  const auto found = table->find(name);
  return found == table->end() ? Value::MakeUndefined("'" + name + "' is undefined") : found->second;
}

}  // namespace foregate::jinja
