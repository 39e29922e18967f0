#include "server/text/template/iteration.h"

#include <algorithm>

#include "kernels/base/status_macros.h"
#include "server/text/template/interpreter.h"
#include "server/text/template/py_string.h"
#include "server/text/utf8.h"

namespace foregate::jinja {

bool IsIterable(const Value& value) {
  return value.is_undefined() || value.is_list() || value.is_dict() || value.is_string() ||
         (value.is_object() && value.object().iterable());
}

absl::StatusOr<ItemIterator> ItemIterator::Over(Value value) {
  if (!IsIterable(value)) return TypeError("'" + std::string(TypeName(value)) + "' object is not iterable");
  return ItemIterator(std::move(value));
}

std::optional<int64_t> ItemIterator::length() const {
  const auto length = Length(value_);
  return length.ok() ? std::optional(*length) : std::nullopt;
}

absl::StatusOr<std::optional<Value>> ItemIterator::Next(Interpreter& interpreter) {
  using Item = std::optional<Value>;
  if (value_.is_list()) {
    const auto& items = value_.list().items;
    return position_ < items.size() ? Item(items[position_++]) : Item();
  }
  if (value_.is_dict()) {
    const auto& entries = value_.dict().entries();
    return position_ < entries.size() ? Item(entries[position_++].key) : Item();
  }
  if (value_.is_string()) {
    const std::string& text = value_.string();
    if (position_ >= text.size()) return Item();
    const size_t begin = position_;
    position_ += Utf8Length(text[begin]);
    return Item(Value::String(text.substr(begin, position_ - begin)));
  }
  return value_.is_object() ? value_.object().Next(interpreter) : Item();
}

absl::StatusOr<std::vector<Value>> Iterate(Interpreter& interpreter, const Value& value) {
  if (value.is_list()) return value.list().items;
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(value));
  std::vector<Value> items;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> item, iterator.Next(interpreter));
    if (!item.has_value()) return items;
    FOREGATE_RETURN_IF_ERROR(interpreter.Charge(sizeof(Value)));
    items.push_back(*std::move(item));
  }
}

absl::StatusOr<std::vector<Value>> Unpack(Interpreter& interpreter, const Value& value, size_t count) {
  FOREGATE_ASSIGN_OR_RETURN(ItemIterator iterator, ItemIterator::Over(value));
  std::vector<Value> items;
  while (items.size() <= count) {
    FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> item, iterator.Next(interpreter));
    if (!item.has_value()) break;
    items.push_back(*std::move(item));
  }
  if (items.size() == count) return items;
  if (items.size() > count) return TypeError("too many values to unpack (expected " + std::to_string(count) + ")");
  return TypeError("not enough values to unpack (expected " + std::to_string(count) + ", got " +
                   std::to_string(items.size()) + ")");
}

absl::StatusOr<std::optional<Value>> Generator::Next(Interpreter& interpreter) {
  if (next_ == nullptr) return std::optional<Value>();
  FOREGATE_RETURN_IF_ERROR(interpreter.Step());
  auto item = next_(interpreter);
  if (!item.ok() || !item->has_value()) next_ = nullptr;
  return item;
}

absl::StatusOr<Value> MakeGenerator(std::string function, const Value& source, Generator::NextItem next) {
  const int depth = DepthOf(source) + 1;
  FOREGATE_RETURN_IF_ERROR(CheckDepth(depth));
  return Value::Of(Ref<Object>(new Generator("generator", std::move(function), depth, std::move(next))));
}

absl::StatusOr<Value> MakeIterator(const char* type_name, std::vector<Value> items) {
  int depth = 1;
  for (const Value& item : items) depth = std::max(depth, DepthOf(item) + 1);
  FOREGATE_RETURN_IF_ERROR(CheckDepth(depth));
  auto next = [items = std::move(items),
               position = size_t{0}](Interpreter&) mutable -> absl::StatusOr<std::optional<Value>> {
    return position < items.size() ? std::optional(items[position++]) : std::nullopt;
  };
  return Value::Of(Ref<Object>(new Generator(type_name, "", depth, std::move(next))));
}

}  // namespace foregate::jinja
