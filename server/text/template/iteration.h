// Going through the items of values, as Python's iter() and next().
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_ITERATION_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_ITERATION_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// The items of a list, the keys of a dict, the characters of a string, what a generator gives; nothing of an undefined
// value.
class ItemIterator {
 public:
  ItemIterator() = default;  // over nothing
  // INVALID_ARGUMENT when the value cannot be iterated.
  static absl::StatusOr<ItemIterator> Over(Value value);
  absl::StatusOr<std::optional<Value>> Next(Interpreter& interpreter);
  // How many there are, when Python knows without looking at them.
  std::optional<int64_t> length() const;

 private:
  explicit ItemIterator(Value value) : value_(std::move(value)) {}

  Value value_;
  size_t position_ = 0;
};

bool IsIterable(const Value& value);
// All items; a generator is used up.
absl::StatusOr<std::vector<Value>> Iterate(Interpreter& interpreter, const Value& value);
// Exactly `count` items.
absl::StatusOr<std::vector<Value>> Unpack(Interpreter& interpreter, const Value& value, size_t count);

// Makes its items when asked for them, once.
class Generator : public Object {
 public:
  using NextItem = std::function<absl::StatusOr<std::optional<Value>>(Interpreter&)>;

  // `type_name` as Python prints it; "generator" prints its function too.
  Generator(const char* type_name, std::string function, int depth, NextItem next)
      : type_name_(type_name), function_(std::move(function)), depth_(depth), next_(std::move(next)) {}

  const char* TypeName() const override { return type_name_; }
  std::string Repr() const override {
    return "<" + std::string(type_name_) + " object" + (function_.empty() ? "" : " " + function_) +
           " at 0x7f0000000000>";
  }
  bool iterable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Next(Interpreter& interpreter) override;
  int depth() const override { return depth_; }

 private:
  const char* type_name_;
  std::string function_;
  int depth_;
  NextItem next_;  // empty at the end
};

// INVALID_ARGUMENT when generators over generators, beginning with `source`, become too many.
absl::StatusOr<Value> MakeGenerator(std::string function, const Value& source, Generator::NextItem next);
// Over items that are there already.
absl::StatusOr<Value> MakeIterator(const char* type_name, std::vector<Value> items);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_ITERATION_H_
