#include <memory>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/builtins.h"
#include "server/text/template/format_time.h"
#include "server/text/template/function.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/limits.h"
#include "server/text/template/namespace.h"
#include "server/text/template/operators.h"
#include "server/text/template/print.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Range(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::BindPositional("range", arguments, {"start", "stop", "step"}, 1));
  auto list = MakeRef<List>();
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
  return Value::Of(list);
}

// dict() and namespace() take pairs or a mapping, and names.
absl::StatusOr<Dict> ReadDict(Interpreter& interpreter, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) return TypeError("dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is_undefined()) return UndefinedError(source);
    if (source.is_dict()) {
      dict = source.dict();
    } else {
      FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> pairs, Iterate(interpreter, source));
      for (const Value& pair : pairs) {
        FOREGATE_ASSIGN_OR_RETURN(const std::vector<Value> parts, Unpack(interpreter, pair, 2));
        if (!IsHashable(parts[0])) return TypeError("unhashable type: '" + std::string(TypeName(parts[0])) + "'");
        dict.Set(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.Set(Value::String(name), value);
  return dict;
}

// dict: called, or asked for fromkeys.
class DictType : public Object {
 public:
  const char* TypeName() const override { return "TemplateDict"; }
  std::string Repr() const override { return "<TemplateDict object at 0x7f0000000000>"; }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    FOREGATE_ASSIGN_OR_RETURN(Dict dict, ReadDict(interpreter, arguments));
    return MakeDict(std::move(dict));
  }
  absl::StatusOr<std::optional<Value>> Attribute(Interpreter&, std::string_view name) override {
    if (name != "fromkeys") return std::optional<Value>();
    return std::optional(MakeFunction("fromkeys", [](Interpreter& interpreter, const Arguments& arguments) {
      return FindMembers("fromkeys")->dict.method(interpreter, Value(), arguments);
    }));
  }
};

Result NamespaceFunction(Interpreter& interpreter, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Dict dict, ReadDict(interpreter, arguments));
  const auto object = MakeRef<Namespace>();
  for (const auto& [key, value] : dict.entries()) FOREGATE_RETURN_IF_ERROR(object->Set(ToString(key), value));
  return interpreter.Own(object);
}

Result RaiseException(Interpreter&, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("raise_exception", arguments, {"message"}, 1));
  return absl::InvalidArgumentError(ToString(bound.at(0)));
}

Result StrftimeNow(Interpreter& interpreter, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("strftime_now", arguments, {"format"}, 1));
  if (!bound.at(0).is_string()) return TypeError("strftime() argument 1 must be str");
  const std::string& format = bound.at(0).string();
  if (format.size() > 1024) return absl::InvalidArgumentError("strftime_now(): a format longer than 1024 bytes");
  return Value::String(FormatTime(interpreter.now(), format));
}

Result Lipsum(Interpreter&, const Arguments&) {
  return absl::InvalidArgumentError("lipsum() would make the prompt differ from call to call");
}

// joiner(): nothing at the first call, the separator at all others.
Result JoinerFunction(Interpreter& interpreter, const Arguments& arguments) {
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("joiner", arguments, {"sep"}));
  const Value separator = bound.Get(0, Value::String(", "));
  const auto used = std::make_shared<bool>(false);
  return interpreter.Own(MakeRef<Function>("joiner", [=](Interpreter&, const Arguments&) -> Result {
    if (*used) return separator;
    *used = true;
    return Value::String("");
  }));
}

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}

  const char* TypeName() const override { return "Cycler"; }
  std::string Repr() const override { return "<jinja2.utils.Cycler object at 0x7f0000000000>"; }
  absl::StatusOr<std::optional<Value>> Attribute(Interpreter&, std::string_view name) override {
    if (name == "current") return std::optional(items_[position_]);
    if (name == "pos") return std::optional(Value::Int(static_cast<int64_t>(position_)));
    if (name == "items") {
      FOREGATE_ASSIGN_OR_RETURN(Value items, MakeTuple(items_));
      return std::optional(std::move(items));
    }
    const bool is_next = name == "next";
    if (!is_next && name != "reset") return std::optional<Value>();
    const auto turn = [self = Ref<Cycler>(this), is_next](Interpreter&, const Arguments&) -> Result {
      const Value current = self->items_[self->position_];
      self->position_ = is_next ? (self->position_ + 1) % self->items_.size() : 0;
      return is_next ? current : Value();
    };
    return std::optional(MakeFunction(std::string(name), turn));
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
  return interpreter.Own(MakeRef<Cycler>(arguments.positional));
}

}  // namespace

Value FindGlobal(const std::string& name) {
  using Table = std::unordered_map<std::string, Value>;
  static const auto* const table = [] {
    auto* const globals = new Table{
        {"range", MakeFunction("safe_range", &Range)},
        {"dict", Value::Of(Ref<Object>(new DictType))},
        {"namespace", MakeFunction("namespace", &NamespaceFunction)},
        {"lipsum", MakeFunction("generate_lorem_ipsum", &Lipsum)},
        {"joiner", MakeFunction("joiner", &JoinerFunction)},
        {"cycler", MakeFunction("cycler", &CyclerFunction)},
        {"raise_exception", MakeFunction("raise_exception", &RaiseException)},
        {"strftime_now", MakeFunction("strftime_now", &StrftimeNow)},
    };
    for (const auto& [key, value] : *globals) value.Freeze();  // all threads share them
    return globals;
  }();
  const auto found = table->find(name);
  return found == table->end() ? Value::Missing() : found->second;
}

}  // namespace foregate::jinja
