#include "server/text/template/access.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/function.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Value Unsafe(const Value& object, const std::string& name) {
  return Value::MakeUndefined("access to attribute '" + name + "' of '" + TypeName(object) + "' object is unsafe.");
}

// What every object of Python has: there, and refused, so that no item of that name is found.
bool IsObjectInternal(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "__class__", "__delattr__",      "__dir__",    "__doc__",           "__eq__",          "__format__",
      "__ge__",    "__gt__",           "__hash__",   "__init_subclass__", "__init__",        "__le__",
      "__lt__",    "__getattribute__", "__ne__",     "__new__",           "__reduce__",      "__reduce_ex__",
      "__repr__",  "__setattr__",      "__sizeof__", "__str__",           "__subclasshook__"};
  return name.starts_with("__") && std::ranges::find(kNames, name) != std::end(kNames);
}

// The attribute, or nothing.
absl::StatusOr<std::optional<Value>> FindAttribute(Interpreter& interpreter, const Value& object,
                                                   const std::string& name, const Members* members) {
  using Found = std::optional<Value>;
  if (IsObjectInternal(name)) return Found(Unsafe(object, name));
  if (object.is_object()) return object.object().Attribute(interpreter, name);
  if (object.is_list() && object.list().is_group) {
    if (name == "grouper") return Found(object.list().items[0]);
    if (name == "list") return Found(object.list().items[1]);
  }
  const Members::Member* const member = members == nullptr ? nullptr : FindMember(object, *members);
  if (member == nullptr) return Found();
  if (member->is_unsafe) return Found(Unsafe(object, name));
  if (member->is_property) {
    FOREGATE_ASSIGN_OR_RETURN(Value value, member->method(interpreter, object, {}));
    return Found(std::move(value));
  }
  return Found(Value::Of(Ref<Object>(new BoundMethod(object, name, member->method))));
}

// A bound of a slice within [lowest, highest], negative ones counted from the end.
int64_t ResolveBound(const Value& bound, int64_t length, int64_t lowest, int64_t highest, int64_t absent) {
  if (bound.is_none()) return absent;
  if (bound.is_big()) return bound.big_value().negative() ? lowest : highest;
  const int64_t at = bound.int_value() < 0 ? std::max(bound.int_value(), -length - 1) + length : bound.int_value();
  return std::clamp(at, lowest, highest);
}

absl::Status CheckBound(const Value& bound) {
  if (bound.is_none() || bound.is_integer()) return absl::OkStatus();
  if (bound.is_undefined()) return UndefinedError(bound);
  return TypeError("slice indices must be integers or None or have an __index__ method");
}

struct SliceRange {
  int64_t begin, end, stride;
  size_t count;
};

absl::StatusOr<SliceRange> MakeSlice(int64_t length, const Value& start, const Value& stop, const Value& step) {
  for (const Value* bound : {&start, &stop, &step}) FOREGATE_RETURN_IF_ERROR(CheckBound(*bound));
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 4;
  const int64_t stride = step.is_none()  ? 1
                         : step.is_big() ? (step.big_value().negative() ? -kFar : kFar)
                                         : std::clamp(step.int_value(), -kFar, kFar);
  if (stride == 0) return absl::InvalidArgumentError("slice step cannot be zero");
  const int64_t lowest = stride < 0 ? -1 : 0, highest = stride < 0 ? length - 1 : length;
  SliceRange slice{ResolveBound(start, length, lowest, highest, stride < 0 ? highest : lowest),
                   ResolveBound(stop, length, lowest, highest, stride < 0 ? lowest : highest), stride, 0};
  const int64_t distance = stride < 0 ? slice.begin - slice.end : slice.end - slice.begin;
  const int64_t width = stride < 0 ? -stride : stride;
  slice.count = distance <= 0 ? 0 : static_cast<size_t>((distance - 1) / width + 1);
  return slice;
}

Value SameString(const Value& like, std::string text) {
  return like.is_markup() ? Value::Markup(std::move(text)) : Value::String(std::move(text));
}

Value SliceText(const Value& object, const SliceRange& slice) {
  const std::string_view text = object.string();
  if (slice.count == 0) return SameString(object, "");
  if (slice.stride == 1) {
    const size_t begin = ByteOffset(text, static_cast<size_t>(slice.begin));
    return SameString(object, std::string(text.substr(begin, ByteOffset(text.substr(begin), slice.count))));
  }
  std::vector<std::string_view> characters;
  for (size_t i = 0; i < text.size(); i += Utf8Length(text[i])) {
    characters.push_back(text.substr(i, Utf8Length(text[i])));
  }
  std::string out;
  int64_t at = slice.begin;
  for (size_t i = 0; i < slice.count; ++i, at += slice.stride) out += characters[static_cast<size_t>(at)];
  return SameString(object, std::move(out));
}

// Wraps around as only the bounds of an empty or one-item range can, which nobody uses.
int64_t StepOf(int64_t start, int64_t count, int64_t step) {
  return static_cast<int64_t>(static_cast<uint64_t>(start) +
                              static_cast<uint64_t>(count) * static_cast<uint64_t>(step));
}

Value SliceOfRange(const List& range, const SliceRange& slice) {
  auto result = MakeRef<List>();
  result->kind = List::Kind::kRange;
  result->range_start = StepOf(range.range_start, slice.begin, range.range_step);
  result->range_stop = StepOf(range.range_start, slice.end, range.range_step);
  result->range_step = StepOf(0, slice.stride, range.range_step);
  for (size_t i = 0; i < slice.count; ++i) {
    result->items.push_back(Value::Int(StepOf(result->range_start, static_cast<int64_t>(i), result->range_step)));
  }
  result->weight = 8 * result->items.size() + 1;
  return Value::Of(result);
}

Result ItemAt(const Value& object, const Value& index) {
  const Value nothing = Value::MakeUndefined(TypeName(object), "that item");
  if (index.is_big()) return nothing;
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(object));
  const int64_t at = index.int_value() < 0 ? index.int_value() + length : index.int_value();
  if (at < 0 || at >= length) return nothing;
  if (object.is_list()) return object.list().items[static_cast<size_t>(at)];
  const size_t begin = ByteOffset(object.string(), static_cast<size_t>(at));
  return SameString(object, object.string().substr(begin, Utf8Length(object.string()[begin])));
}

}  // namespace

const Members::Member* FindMember(const Value& object, const Members& members) {
  const Members::Member* member = nullptr;
  if (object.is_dict()) {
    member = &members.dict;
  } else if (object.is_string()) {
    member = &members.string;
  } else if (object.is_float()) {
    member = &members.floating;
  } else if (object.is_integer()) {
    member = &members.integer;
  } else if (object.is_list()) {
    switch (object.list().kind) {
      case List::Kind::kList:
        member = &members.list;
        break;
      case List::Kind::kTuple:
        member = &members.tuple;
        break;
      case List::Kind::kRange:
        member = &members.range;
        break;
      case List::Kind::kDictKeys:
      case List::Kind::kDictItems:
        member = &members.view;
        break;
      case List::Kind::kDictValues:
        break;
    }
  }
  return member != nullptr && (member->method != nullptr || member->is_unsafe) ? member : nullptr;
}

Result GetOnlyAttribute(Interpreter& interpreter, const Value& object, const std::string& name) {
  if (object.is_undefined() && !IsObjectInternal(name)) return UndefinedError(object);
  FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> attribute,
                            FindAttribute(interpreter, object, name, FindMembers(name)));
  return attribute.has_value() ? *std::move(attribute) : Value::MakeUndefined(TypeName(object), name);
}

Result GetAttribute(Interpreter& interpreter, const Value& object, const std::string& name, const Members* members) {
  if (object.is_undefined() && !IsObjectInternal(name)) return UndefinedError(object);
  FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> attribute, FindAttribute(interpreter, object, name, members));
  if (attribute.has_value()) return *std::move(attribute);
  if (object.is_dict()) {
    if (const Value* value = object.dict().Find(std::string_view(name)); value != nullptr) return *value;
  }
  return Value::MakeUndefined(TypeName(object), name);
}

Result GetItem(Interpreter& interpreter, const Value& object, const Value& index) {
  if (object.is_undefined()) return UndefinedError(object);
  if (object.is_dict() && IsHashable(index)) {
    if (const Value* value = object.dict().Find(index); value != nullptr) return *value;
  }
  const bool is_sequence = object.is_string() || (object.is_list() && object.list().is_sequence());
  if (index.is_integer() && is_sequence) return ItemAt(object, index);
  if (!index.is_string()) return Value::MakeUndefined(TypeName(object), "that item");
  return GetOnlyAttribute(interpreter, object, index.string());
}

absl::StatusOr<std::pair<int64_t, int64_t>> SliceBounds(int64_t length, const Value& start, const Value& stop) {
  FOREGATE_RETURN_IF_ERROR(CheckBound(start));
  FOREGATE_RETURN_IF_ERROR(CheckBound(stop));
  // An empty text is found behind the end only where the slice begins within the text.
  const int64_t first = ResolveBound(start, length, 0, length + 1, 0);
  return std::pair(first, ResolveBound(stop, length, 0, length, length));
}

Result GetSlice(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) return UndefinedError(object);
  if (!object.is_string() && !(object.is_list() && object.list().is_sequence())) {
    return TypeError("'" + std::string(TypeName(object)) + "' object cannot be sliced");
  }
  FOREGATE_ASSIGN_OR_RETURN(const int64_t length, Length(object));
  FOREGATE_ASSIGN_OR_RETURN(const SliceRange slice, MakeSlice(length, start, stop, step));
  if (object.is_string()) return SliceText(object, slice);
  if (object.list().kind == List::Kind::kRange) return SliceOfRange(object.list(), slice);
  std::vector<Value> items;
  items.reserve(slice.count);
  int64_t at = slice.begin;
  for (size_t i = 0; i < slice.count; ++i, at += slice.stride) {
    items.push_back(object.list().items[static_cast<size_t>(at)]);
  }
  return MakeList(std::move(items), object.list().kind);
}

}  // namespace foregate::jinja
